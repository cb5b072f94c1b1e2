"""The pages of tuned models: the list, and one with what it learned, where it comes from and where it answers."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.requests import PageRequest
from common.lists import page_of, search_of
from deployments.models import Deployment
from deployments.standing import standings
from deployments.web.views import status_of
from evaluations.web.model_card import card_of, hub_name
from evaluations.web.model_files import adapter_response, card_response, packed_adapter
from evaluations.web.models_api import models_of
from evaluations.web.newest import newest_of
from jobs.models import TunedModel
from jobs.training.parents import children_of, parent_model
from jobs.tuned_models import get_model
from jobs.web.form import NameForm
from jobs.web.pages import checkpoints_of
from jobs.web.views import answer_name

SHOWN = 50


@login_required
@require_GET
def models(request: PageRequest) -> HttpResponse:
    """List the team's tuned models, searched; base models have a tab of their own."""
    text, every = search_of(request), TunedModel.objects.visible_to(request.team)
    rows, narrowed = page_of(request, models_of(request.team, text), size=SHOWN, every=every, q=text)
    context = {
        **narrowed,
        "rows": _rows(rows),
        "curl": f"curl '{settings.PUBLIC_URL}/api/v1/models?q=' -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "evaluations/models.html", context)


def _rows(found: list[TunedModel]) -> list[dict[str, object]]:
    deployed: dict[str, list[Deployment]] = {}
    for one in Deployment.objects.live().filter(adapter__in=found):
        deployed.setdefault(str(one.adapter_id), []).append(one)
    return [{"model": model, "deployments": deployed.get(model.pk, [])} for model in found]


@login_required
@require_GET
def model(request: PageRequest, model_id: str) -> HttpResponse:
    found = get_model(team=request.team, model_id=model_id)
    newest = newest_of(found)
    address = f"{settings.PUBLIC_URL}/api/v1/models/{found.pk}"
    context = {
        "model": found,
        "job": found.job,
        "parent": parent_model(found.job),
        "children": children_of(found),
        "newest": newest,
        "figures": newest.figures if newest is not None else [],
        "answers": newest.answers if newest is not None else [],
        **checkpoints_of(found.job),
        "deployments": _deployments(found),
        "results": list(found.job.result_files.order_by("filename")),
        "package": packed_adapter(found),
        "card": card_of(found),
        "hub_name": hub_name(found.base_model),
        "curl": f"curl {address} -H 'Authorization: Bearer sk-luthier-…'\n"
        f"curl {address}/card -o README.md -H 'Authorization: Bearer sk-luthier-…'\n"
        f"curl -X PATCH {address} -H 'Authorization: Bearer sk-luthier-…' "
        """-H 'Content-Type: application/json' -d '{"name": "…"}'""",
    }
    return render(request, "evaluations/model.html", context)


def _deployments(found: TunedModel) -> list[dict[str, object]]:
    of_model = Q(adapter=found) | Q(checkpoint__job=found.job_id)
    live = list(Deployment.objects.live().filter(of_model).select_related("base_model", "adapter", "checkpoint"))
    now = standings(live)
    return [{"deployment": one, "status": status_of(now[one.pk]), "now": now[one.pk]} for one in live]


@login_required
@require_GET
def model_card(request: PageRequest, model_id: str) -> HttpResponse:
    return card_response(get_model(team=request.team, model_id=model_id))


@login_required
@require_GET
def model_package(request: PageRequest, model_id: str) -> HttpResponseBase:
    """The adapter with its card, as one file."""
    return adapter_response(get_model(team=request.team, model_id=model_id))


@login_required
@require_POST
def name_model(request: PageRequest, model_id: str) -> HttpResponse:
    found = get_model(team=request.team, model_id=model_id)
    return answer_name(request, found.job, NameForm(request.POST), "model", found.pk)
