"""The pages of fine-tuning jobs: list, form, one job with its curve, events and log."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.kept_forms import left_form
from accounts.requests import PageRequest
from accounts.roles import Role, RoleNeeded, needs
from common.errors import NotFound, UserError
from common.forms import refused
from common.idempotency import once
from common.lists import choice_of, page_of, search_of
from common.messages import message as common_message
from common.wording import in_words
from jobs import queueing, retrying, services
from jobs.models import FineTuningJob, TunedModel
from jobs.tuned_models import rename_job
from jobs.web import curves, form, pages
from jobs.web.command import command_of, data_address, training_name
from jobs.web.logs import Found, find_in_log, log_tail, whole_log
from jobs.web.names import named_like
from jobs.web.queue_panel import queue_panel
from jobs.web.verdicts import acceptance_of

SHOWN_JOBS = 50
SHOWN_EVENTS = 30
MOST_WORDS = 200


@login_required
@require_GET
def jobs(request: PageRequest) -> HttpResponse:
    every = FineTuningJob.objects.visible_to(request.team)
    text, status = search_of(request), choice_of(request, "status", FineTuningJob.Status.values)
    found = named_like(every, text).select_related("base_model", "training_file").with_newest_attempt()
    found = found.defer("training_file__recipe", "acceptance", "verdict")
    if status:
        found = found.filter(status=status)
    jobs, narrowed = page_of(request, found, size=SHOWN_JOBS, every=every, q=text, status=status)
    context = {
        **narrowed,
        "states": FineTuningJob.Status.choices,
        "rows": [pages.JobRow(job) for job in jobs],
        "compares": len(jobs) > 1,
        "curl": f"curl {settings.PUBLIC_URL}/v1/fine_tuning/jobs -H 'Authorization: Bearer sk-luthier-…'",
        "python": "for job in client.fine_tuning.jobs.list():\n    print(job.id, job.status)",
    }
    return render(request, "jobs/list.html", context)


@needs(Role.MEMBER)
@login_required
@require_http_methods(["GET", "POST"])
def new_job(request: PageRequest) -> HttpResponse:
    """One page: data, base model, a name; everything else is automatic until somebody opens it."""
    is_admin = request.user.is_staff
    if request.method == "GET":
        empty = form.JobForm(team=request.team, is_admin=is_admin)
        return _new_page(request, left_form(request) or form.from_query(request), empty)

    def create(**fields: str) -> HttpResponse:
        asked = form.job_request_of(fields, is_admin=is_admin)
        return redirect("job", services.create_job(team=request.team, by=request.user, job_request=asked).id)

    sent = form.JobForm(request.POST, team=request.team, is_admin=is_admin)
    return sent.answer_once(request, create) or _new_page(request, sent.data, sent, status=sent.status)


def _new_page(request: PageRequest, values: Any, shown: form.JobForm, *, status: int = 200) -> HttpResponse:
    return render(request, "jobs/new.html", form.context_of(request.team, values, shown), status=status)


@login_required
@require_GET
def job_estimate(request: PageRequest) -> HttpResponse:
    """What a job of the form's values would be, for the panel beside the form."""
    context = {**form.estimates_of(request.team, request.GET), "is_swapped": True}
    return render(request, "jobs/_estimate.html", context)


@login_required
@require_GET
def job(request: PageRequest, job_id: str) -> HttpResponse:
    found = services.get_job(team=request.team, job_id=job_id)
    context = {
        **_live(found),
        **_events(found),
        **_log(found),
        **_figures(found),
        **queue_panel(found),
        **_searched(request, found),
        "whole_log": _whole_log(found) if request.user.is_staff else None,
        "acceptance": acceptance_of(found),
        "measures": list(curves.MEASURES.items()),
        "system_sentence": pages.system_sentence(found),
        "devices": pages.devices_of(found),
        "priority": found.get_priority_display(),
        "pool": str(found.pool) if found.pool else "",
        **pages.checkpoints_of(found),
        "results": list(found.result_files.order_by("filename")),
        "values": (values := pages.values_of(found)),
        "chosen": [value for value in values if value["is_set"]],
        "command": command_of(found),
        "data_address": data_address(found),
        "data_name": training_name(found),
        "curl": f"curl {settings.PUBLIC_URL}/v1/fine_tuning/jobs/{found.id} -H 'Authorization: Bearer sk-luthier-…'\n"
        f"curl {settings.PUBLIC_URL}/api/v1/jobs/{found.id}/metrics -H 'Authorization: Bearer sk-luthier-…'",
        "python": f'job = client.fine_tuning.jobs.retrieve("{found.id}")\n'
        f'events = client.fine_tuning.jobs.list_events("{found.id}")',
    }
    return render(request, "jobs/detail.html", context)


@login_required
@require_GET
def job_live(request: PageRequest, job_id: str) -> HttpResponse:
    """Answer a page that does not hear the job's stream; the job's end reloads the whole page, once.

    Results, values and buttons come with that reload: replacing single buttons would take them away from under the
    cursor.
    """
    found = services.get_job(team=request.team, job_id=job_id)
    reply = render(request, "jobs/_live.html", _live(found))
    if found.is_finished:
        reply["HX-Refresh"] = "true"
    return reply


@login_required
@require_GET
def job_events(request: PageRequest, job_id: str) -> HttpResponse:
    return render(request, "jobs/_events.html", _events(services.get_job(team=request.team, job_id=job_id)))


@login_required
@require_GET
def job_log(request: PageRequest, job_id: str) -> HttpResponse:
    return render(request, "jobs/_log.html", _log(services.get_job(team=request.team, job_id=job_id)))


@login_required
@require_GET
def job_log_file(request: PageRequest, job_id: str) -> HttpResponse:
    """Download the log: its sentences, an administrator every word."""
    found = services.get_job(team=request.team, job_id=job_id)
    text, _is_whole = whole_log(found, is_raw=request.user.is_staff)
    headers = {"Content-Disposition": f'attachment; filename="{found.pk}.log.txt"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


@login_required
@require_GET
def job_whole_log(request: PageRequest, job_id: str) -> HttpResponse:
    """Answer the fold that administrators have below the log."""
    if not request.user.is_staff:
        raise PermissionDenied
    found = services.get_job(team=request.team, job_id=job_id)
    context = {"job": found, "whole_log": _whole_log(found), "is_over": found.is_finished}
    return render(request, "jobs/_whole_log.html", context)


@needs(Role.MEMBER, "POST")
@login_required
@require_http_methods(["GET", "POST"])
def job_queue(request: PageRequest, job_id: str) -> HttpResponse:
    """Show the job's place in line and what would help; a post does one of those things."""
    found = services.get_job(team=request.team, job_id=job_id)
    if request.method == "GET":
        return render(request, "jobs/_queue.html", queue_panel(found))

    def change(**asked: str | int) -> HttpResponse:
        queueing.change_queued(job=found, by=request.user, may_be_urgent=request.user.is_staff, **asked)
        return redirect("job", job_id)

    sent = form.QueuedForm(request.POST)
    return sent.answer(change) or refused(request, sent, reverse("job", args=[job_id]))


@login_required
@require_GET
def job_curve(request: PageRequest, job_id: str) -> HttpResponse:
    return JsonResponse(curves.curve_of(curves.points_of(services.get_job(team=request.team, job_id=job_id))))


@login_required
@require_GET
def job_figures(request: PageRequest, job_id: str) -> HttpResponse:
    """Answer the fold below the curves."""
    return render(request, "jobs/_figures.html", _figures(services.get_job(team=request.team, job_id=job_id)))


@needs(Role.MEMBER)
@login_required
@require_POST
def retry_job(request: PageRequest, job_id: str) -> HttpResponse:
    """Train a failed job again, with what its failure suggests."""
    found = services.get_job(team=request.team, job_id=job_id)

    def retry() -> HttpResponse:
        again = retrying.retry_job(job=found, by=request.user, may_be_urgent=request.user.is_staff)
        return redirect("job", again.pk)

    try:
        return once(request, retry)
    except UserError as error:
        messages.error(request, in_words(error.message))
        return redirect("job", job_id)


@login_required
@require_POST
def change_job(request: PageRequest, job_id: str, action: str) -> HttpResponse:
    """Cancel, finish, pause or resume."""
    found = services.get_job(team=request.team, job_id=job_id)
    changes = {
        "cancel": services.cancel_job,
        "finish": services.finish_job_early,
        "pause": services.pause_job,
        "resume": services.resume_job,
    }
    if (change := changes.get(action)) is None:
        raise NotFound(common_message("not_found"))
    try:
        change(job=found, by=request.user)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
    return redirect("job", job_id)


@login_required
@require_POST
def name_job(request: PageRequest, job_id: str) -> HttpResponse:
    """Take the name that its page's form says."""
    job = services.get_job(team=request.team, job_id=job_id)
    return answer_name(request, job, form.NameForm(request.POST), "job", job_id)


def answer_name(request: PageRequest, job: FineTuningJob, sent: form.NameForm, page: str, *where: str) -> HttpResponse:
    """Rename the job, and go back to the page that shows it."""

    def rename(**fields: Any) -> HttpResponse:
        rename_job(job=job, by=request.user, **fields)
        return redirect(page, *where)

    return sent.answer(rename) or refused(request, sent, redirect(page, *where).url)


def _live(found: FineTuningJob) -> dict[str, object]:
    return {
        **pages.progress_of(found, pages.newest_metrics(found)),
        "status": pages.status_of(found),
        "sentence": pages.sentence_of(found),
        "percent": pages.percent_of(found),
        "is_deleted": TunedModel.objects.deleted().filter(job=found).exists(),
        "is_over": found.is_finished,
        "actions": _actions(found),
        "remedy": retrying.remedy_of(found),
    }


def _actions(found: FineTuningJob) -> list[dict[str, str]]:
    if found.is_finished or found.is_stopping or found.is_finishing_early:
        return []
    cancel = {
        "url": reverse("change_job", args=[found.id, "cancel"]),
        "label": _("Cancel"),
        "icon": "x",
        "classes": "btn-danger-quiet",
        "question": _("Cancel this training? It cannot be resumed."),
    }
    if found.status == FineTuningJob.Status.PAUSED:
        url = reverse("change_job", args=[found.id, "resume"])
        resume = {"url": url, "label": _("Resume"), "icon": "player-play", "classes": "btn-primary"}
        return [resume, *_finish(found), cancel]
    url = reverse("change_job", args=[found.id, "pause"])
    pause = {"url": url, "label": _("Pause"), "icon": "player-pause", "classes": "btn-quiet"}
    return [*_finish(found), pause, cancel]


def _finish(found: FineTuningJob) -> list[dict[str, str]]:
    """Return the button that ends a job with a model, once there is something to keep."""
    if not found.current_step or found.current_step >= (found.total_steps or 0):
        return []
    return [
        {
            "url": reverse("change_job", args=[found.id, "finish"]),
            "label": _("Finish early, keep the best"),
            "icon": "circle-check",
            "classes": "btn-quiet",
            "question": _("Finish this training now and keep the best weights so far as the model?"),
        }
    ]


def _events(found: FineTuningJob) -> dict[str, object]:
    newest = found.events.filter(type="message").order_by("-number")[:SHOWN_EVENTS]
    zone = timezone.get_current_timezone_name()
    events = list(newest)[::-1]
    number = max([found.num_events, *(event.number for event in events)])
    return {"job": found, "events": events, "number": number, "zone": zone, "is_over": found.is_finished}


def _log(found: FineTuningJob) -> dict[str, object]:
    part = log_tail(found)
    return {
        "job": found,
        "log": (part.said if found.is_finished else part.said_so_far).rstrip() if part else "",
        "log_attempt": part.attempt if part else 0,
        "log_offset": part.lines_end if part else 0,
        "is_over": found.is_finished,
    }


def _figures(found: FineTuningJob) -> dict[str, object]:
    points = curves.points_of(found)
    return {
        "job": found,
        "figures": curves.figures_of(points),
        "summary": curves.summary_of(points),
        "is_over": found.is_finished,
    }


def _searched(request: PageRequest, found: FineTuningJob) -> dict[str, object]:
    """Return what of the log has the words that are looked for."""
    words = request.GET.get("words", "").strip()[:MOST_WORDS]
    if not words:
        return {"words": ""}
    try:
        return {"words": words, "found": find_in_log(found, words)}
    except UserError:  # it cannot be had at the moment
        return {"words": words, "found": Found(count=0, lines=[], is_whole=False)}


def _whole_log(found: FineTuningJob) -> str:
    """Return the end of everything that the trainer's process wrote; what was kept of it where the log is gone."""
    part = log_tail(found)
    return (part.text if part else "").rstrip() or found.error_log
