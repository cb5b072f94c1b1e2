"""The pages of evaluations: the list, one with its answers, and the verdict on a job."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import PageRequest
from accounts.roles import Role, RoleNeeded, needs
from catalogue.models import BaseModel
from common.errors import UserError
from common.idempotency import once
from common.lists import page_of, search_of
from common.wording import in_words
from datasets_app.models import TrainingFile
from deployments.models import Deployment
from evaluations import services
from evaluations.models import Evaluation, Sample
from evaluations.web import pages
from evaluations.web.api import samples_of, with_parts
from evaluations.web.forms import EvaluationForm
from evaluations.web.verdict_panel import panel_of
from evaluations.web.votes_views import voting_of
from jobs.services import get_job
from jobs.training.checkpoints import SIGN
from jobs.tuned_models import offered_models

SHOWN = 50
SHOWN_ANSWERS = 25
OFFERED = 50
LONGEST_NAME = 300


@login_required
@require_http_methods(["GET", "POST"])
def evaluations(request: PageRequest) -> HttpResponse:
    """List the team's evaluations; POST makes one."""
    if request.method == "GET":
        return _list_page(request, _form(request))

    def create(**fields: Any) -> HttpResponse:
        return redirect("evaluation", services.create_evaluation(team=request.team, by=request.user, **fields).pk)

    form = _form(request, request.POST)
    return form.answer_once(request, create) or _list_page(request, form, status=form.status)


def _form(request: PageRequest, data: QueryDict | None = None) -> EvaluationForm:
    files = TrainingFile.objects.visible_to(request.team).filter(purpose="fine-tune", status="processed", use="chat")
    offered = [(file.pk, file.filename) for file in files[:OFFERED]]
    chosen = request.GET.get("model", "")[:LONGEST_NAME]
    models = _models(request)
    if SIGN in chosen:  # offered on its model's page alone
        models.insert(0, (chosen, chosen))
    return EvaluationForm(data, models=models, files=offered, initial={"model": chosen, "baseline": True})


def _models(request: PageRequest) -> list[tuple[str, str]]:
    names = Deployment.objects.visible_to(request.team).live()[:OFFERED]
    bases = BaseModel.objects.present()
    return [
        *offered_models(request.team),
        *((one.name, one.name) for one in names),
        *((base.pk, base.display_name) for base in bases),
    ]


def _list_page(request: PageRequest, form: EvaluationForm, *, status: int = 200) -> HttpResponse:
    every = Evaluation.objects.visible_to(request.team)
    text, found = search_of(request), with_parts(every)
    if text:
        found = found.filter(Q(name__icontains=text) | Q(pk=text))
    shown, narrowed = page_of(request, found, size=SHOWN, every=every, q=text)
    context = {
        **narrowed,
        "rows": [pages.EvaluationRow(one) for one in shown],
        "form": form,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/evaluations -H 'Authorization: Bearer sk-luthier-…' "
        "-H 'Content-Type: application/json' "
        """-d '{"models": ["ft:…"], "prompts": ["你是谁？"], "baseline": true}'""",
    }
    return render(request, "evaluations/list.html", context, status=status)


@login_required
@require_GET
def evaluation(request: PageRequest, evaluation_id: str) -> HttpResponse:
    found = services.get_evaluation(team=request.team, evaluation_id=evaluation_id)
    context = {**_live(found), **_answers(request, found), "figures": pages.figures_of(found)}
    context |= {"confusions": pages.confusions_of(found), **voting_of(request, found)}
    context |= {
        "subjects": list(found.subjects.all()),
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/evaluations/{found.pk} -H 'Authorization: Bearer sk-luthier-…'",
    }
    if found.job is not None:
        context |= {**panel_of(found.job), "verdict_of": found.job}
    return render(request, "evaluations/detail.html", context)


@login_required
@require_GET
def evaluation_live(request: PageRequest, evaluation_id: str) -> HttpResponse:
    """Answer the page's polling; the evaluation's end reloads the whole page, once."""
    found = services.get_evaluation(team=request.team, evaluation_id=evaluation_id)
    reply = render(request, "evaluations/_live.html", _live(found))
    if found.is_finished:
        reply["HX-Refresh"] = "true"
    return reply


def _live(found: Evaluation) -> dict[str, object]:
    is_done = found.state == Evaluation.State.SUCCEEDED
    return {
        "evaluation": found,
        "status": pages.status_of(found),
        "sentence": (pages.summary_of(found) if is_done else "") or pages.sentence_of(found),
        "percent": round(100 * found.progress),
        "is_over": found.is_finished,
    }


def _answers(request: PageRequest, found: Evaluation) -> dict[str, object]:
    """Return a page of questions with their answers, as the address asks for them."""
    change = request.GET.get("change", "")
    change = change if change in Sample.Change.values else ""
    text = request.GET.get("after", "")
    after = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    asked = samples_of(found, change=change or None)
    questions = list(asked.filter(number__gt=after)[: SHOWN_ANSWERS + 1])
    shown = questions[:SHOWN_ANSWERS]
    kept = {"change": change} if change else {}
    has_more = len(questions) > SHOWN_ANSWERS
    return {
        "change": change,
        "changes": pages.counts_of(found),
        "answers": pages.rows_of(shown),
        "later": urlencode({**kept, "after": shown[-1].number}) if has_more else "",
        "later_word": _("More questions"),
        "first": urlencode(kept) if after else None,
        "first_word": _("First questions"),
    }


@login_required
@require_POST
def cancel_evaluation(request: PageRequest, evaluation_id: str) -> HttpResponse:
    found = services.get_evaluation(team=request.team, evaluation_id=evaluation_id)
    try:
        services.cancel_evaluation(evaluation=found, by=request.user)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
    return redirect("evaluation", evaluation_id)


@login_required
@require_POST
def delete_evaluation(request: PageRequest, evaluation_id: str) -> HttpResponse:
    found = services.get_evaluation(team=request.team, evaluation_id=evaluation_id)
    services.delete_evaluation(evaluation=found, by=request.user)
    messages.success(request, _("%(name)s was deleted.") % {"name": found.name})
    return redirect("evaluations")


@needs(Role.MEMBER, "POST")
@login_required
@require_http_methods(["GET", "POST"])
def job_verdict(request: PageRequest, job_id: str) -> HttpResponse:
    """Show the verdict on a job as its page does; a post has the job evaluated."""
    job = get_job(team=request.team, job_id=job_id)
    if request.method == "GET":
        return render(request, "evaluations/_verdict.html", panel_of(job))

    def make() -> HttpResponse:
        services.evaluate_job(job=job, by=request.user)
        return redirect(reverse("job", args=[job_id]))

    return once(request, make)
