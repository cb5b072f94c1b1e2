"""The start page: what runs, what waits and why, what is ready, what failed."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.requests import PageRequest
from common.errors import UserError
from common.idempotency import once
from console.messages import message
from console.shares import shares_of
from datasets_app.models import TrainingFile
from datasets_app.services import create_file
from deployments.models import Deployment
from evaluations.web.verdict_panel import lights_of
from jobs.models import FineTuningJob
from jobs.web.pages import JobRow

SAMPLE = settings.BASE_DIR / "demo" / "self_cognition.jsonl"
SHOWN = 5


def admin_sign_in(request: PageRequest) -> HttpResponse:
    """Lead to the sign-in form; a signed-in person who is not an administrator would be redirected in a circle."""
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    return redirect(f"{reverse('sign_in')}?{request.GET.urlencode()}")


@login_required
@require_GET
def home(request: PageRequest) -> HttpResponse:
    jobs = (
        FineTuningJob.objects.visible_to(request.team)
        .select_related("base_model", "training_file")
        .defer("training_file__recipe", "acceptance", "verdict")
        .with_newest_attempt()
    )
    running, waiting, done, failed = (list(jobs.filter(status__in=s).order_by("-created_at")[:SHOWN]) for s in STATES)
    lights = lights_of(done)
    sections = [
        {"title": _("Running"), "jobs": [JobRow(job) for job in running]},
        {"title": _("Waiting"), "jobs": [JobRow(job) for job in waiting]},
        {"title": _("Finished"), "jobs": [JobRow(job, lights.get(job.pk)) for job in done]},
        {"title": _("Failed"), "jobs": [JobRow(job) for job in failed]},
    ]
    context: dict[str, object] = {
        "sections": sections,
        "deployments": Deployment.objects.visible_to(request.team)
        .live()
        .select_related("adapter__job__base_model", "base_model")[:SHOWN],
        "sentence": _summary(len(running), len(waiting)),
        "shares": shares_of(request.team),
        "is_first_visit": not jobs.exists() and not TrainingFile.objects.visible_to(request.team).exists(),
    }
    return render(request, "console/home.html", context)


STATES = (
    ("running", "pausing"),
    ("validating_files", "queued", "paused"),
    ("succeeded",),
    ("failed", "cancelled"),
)


@login_required
@require_POST
def start_sample(request: PageRequest) -> HttpResponse:
    """Put the sample into the team's data sets and continue to the form of a new job."""
    if not SAMPLE.exists():
        raise UserError(message("no_sample"), status=404)

    def create() -> HttpResponse:
        with SAMPLE.open("rb") as stream:
            file = create_file(
                team=request.team, by=request.user, filename=SAMPLE.name, purpose="fine-tune", stream=stream
            )
        return redirect(f"/jobs/new?file={file.id}")

    return once(request, create)


def _summary(num_running: int, num_waiting: int) -> str:
    running = ngettext("%(num)s job is running", "%(num)s jobs are running", num_running) % {"num": num_running}
    waiting = ngettext("%(num)s is waiting", "%(num)s are waiting", num_waiting) % {"num": num_waiting}
    return _("%(running)s, %(waiting)s.") % {"running": running, "waiting": waiting}
