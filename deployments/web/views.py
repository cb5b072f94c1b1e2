"""The pages of deployments: the list, one with its chat box, and what a person can change."""

import re
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import PageRequest
from accounts.roles import Role, RoleNeeded, needs
from catalogue.models import BaseModel
from common.errors import NotFound, UserError, answer_to
from common.idempotency import once
from common.lists import page_of, search_of
from common.marks import Mark
from common.wording import in_words
from compute.administering.choosing import pools_for
from compute.explanations import count_of
from compute.models import Pool
from compute.pool import room_in
from deployments import services
from deployments.gateway.admission import Caller, Question, read_body
from deployments.gateway.gateway import gateway
from deployments.gateway.in_flight import in_database
from deployments.messages import message
from deployments.models import Deployment, ReplicaAdapter
from deployments.names import of_deployment
from deployments.replicas import most_accelerators
from deployments.reservations import hours_of
from deployments.standing import Standing, standing_of, standings
from deployments.web.forms import ButtonForm, DeploymentForm, Offers, ReservingForm, SettingsForm
from jobs.models import FineTuningJob, TunedModel
from jobs.training.checkpoints import SIGN
from jobs.tuned_models import offered_models

STATUSES = {
    "starting": ("busy", "loader"),
    "answering": ("ok", "circle-check"),
    "asleep": ("wait", "player-pause"),
    "failed": ("bad", "circle-x"),
    "stopped": ("wait", "circle-dashed"),
}
MOST_NUMBERS = 16
SHOWN = 50


def status_of(now: Standing) -> Mark:
    """Return the state as icon, colour and word; one that waits for room says so."""
    kind, icon = STATUSES[now.state]
    if now.state == "starting" and now.is_waiting:
        return {"kind": "wait", "icon": "clock", "word": _("Waiting")}
    return {"kind": kind, "icon": icon, "word": str(Deployment.State(now.state).label)}


@login_required
@require_http_methods(["GET", "POST"])
def deployments(request: PageRequest) -> HttpResponse:
    """List the team's deployments; POST makes one."""
    if request.method == "GET":
        return _list_page(request, _form(request))

    def create(**fields: Any) -> HttpResponse:
        return redirect("deployment", services.deploy(team=request.team, by=request.user, **fields).id)

    form = _form(request, request.POST)
    return form.answer_once(request, create) or _list_page(request, form, status=form.status)


def _form(request: PageRequest, data: QueryDict | None = None) -> DeploymentForm:
    chosen = request.GET.get("model", "")
    initial = {"model": chosen, "name": suggested_name(request, chosen)}
    return DeploymentForm(data, models=_models(request), offers=_offers(request), initial=initial)


def _offers(request: PageRequest, kept: Deployment | None = None) -> Offers:
    """Return what there is to choose from, the pool that a deployment has among it, whatever its team may use now."""
    pools = pools_for(request.team)
    if kept is not None and kept.pool is not None and kept.pool not in pools:
        pools.append(kept.pool)
    most = max(most_accelerators(pool) or room_in(pool).largest or 1 for pool in pools)
    numbers = range(1, min(MOST_NUMBERS, most) + 1)
    return Offers(numbers=numbers, pools=pools, hours_of_team=hours_of(request.team))


def _list_page(request: PageRequest, form: DeploymentForm, *, status: int = 200) -> HttpResponse:
    every, text = Deployment.objects.visible_to(request.team).live(), search_of(request)
    named = every.select_related("base_model", "adapter__job__base_model", "pool")
    if text:
        named = named.filter(Q(name__icontains=text) | Q(pk=text))
    found, narrowed = page_of(request, named, size=SHOWN, every=every, q=text)
    now = standings(found)
    context = {
        **narrowed,
        "rows": [
            {
                "deployment": d,
                "model": d.model,
                "pool": _pool_of(d, form),
                "status": status_of(now[d.pk]),
                "sentence": in_words(now[d.pk].message),
            }
            for d in found
        ],
        "form": form,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/deployments -H 'Authorization: Bearer sk-luthier-…' "
        "-H 'Content-Type: application/json' "
        """-d '{"name": "my-model", "model": "ft:…"}'""",
    }
    return render(request, "deployments/list.html", context, status=status)


def _pool_of(deployment: Deployment, form: ReservingForm) -> str:
    """Return the pool's name for people, where there is more than one to tell apart."""
    return str(deployment.pool or Pool.default()) if "pool" in form.fields else ""


def _models(request: PageRequest) -> list[tuple[str, str]]:
    asked = request.GET.get("model", "")
    named = [(asked, asked)] if SIGN in asked else []  # a checkpoint is offered where somebody comes for it
    bases = ((base.id, base.display_name) for base in BaseModel.objects.present())
    return [*named, *offered_models(request.team), *bases]


def suggested_name(request: PageRequest, model: str) -> str:
    """Return a free name made from the model's suffix."""
    parts = model.split(":")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", parts[3] if len(parts) > 3 and parts[3] else "").strip("-._")[:50]
    stem = stem or "my-model"
    taken = set(Deployment.objects.visible_to(request.team).live().values_list("name", flat=True))
    return next(name for n in range(1, 10_000) if (name := stem if n == 1 else f"{stem}-{n}") not in taken)


@login_required
@require_POST
def deploy_model(request: PageRequest) -> HttpResponse:
    """One click from a finished job: a name from its suffix."""
    model = ButtonForm(request.POST).sent().get("model", "")

    def create() -> HttpResponse:
        name = suggested_name(request, model)
        deployment = services.deploy(team=request.team, by=request.user, name=name, model=model)
        return redirect("deployment", deployment.id)

    return once(request, create)


@login_required
@require_GET
def deployment(request: PageRequest, deployment_id: str) -> HttpResponse:
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)
    return _page(request, found, SettingsForm(deployment=found, offers=_offers(request, found)))


def _page(request: PageRequest, found: Deployment, form: SettingsForm, *, status: int = 200) -> HttpResponse:
    now = standing_of(found)
    context = {**_live(found, now), **_details(found, now), **_snippets(found), "form": form}
    context["pool"] = _pool_of(found, form)
    return render(request, "deployments/detail.html", context, status=status)


@login_required
@require_GET
def deployment_live(request: PageRequest, deployment_id: str) -> HttpResponse:
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)
    return render(request, "deployments/_live.html", _live(found, standing_of(found)))


def _live(found: Deployment, now: Standing) -> dict[str, object]:
    return {
        "deployment": found,
        "status": status_of(now),
        "sentence": in_words(now.message),
        "is_settled": now.state in ("answering", "asleep", "failed"),
        "can_pause": not found.shared and now.state in ("starting", "answering"),
        "can_wake": now.state in ("asleep", "failed"),
    }


def _details(found: Deployment, now: Standing) -> dict[str, object]:
    devices = now.replica.run.devices() if now.replica is not None and not found.shared else []
    return {
        "model": found.model,
        "devices": in_words(count_of(len(devices), devices[0].kind)) if devices else "",
        "now": now,
        "verdict": _verdict(found, now),
        "num_requests": found.usage.count(),
    }


def _verdict(found: Deployment, now: Standing) -> str:
    """Say what the same-answer check found, with its numbers; while it sleeps, what it found last."""
    if found.checkpoint_id is not None and now.state in ("answering", "asleep"):
        return _("A checkpoint: no answers of its training are stored that it could be compared with.")
    proofs = ReplicaAdapter.objects.filter(replica=now.replica, adapter=found.adapter)
    proof = proofs.filter(state=ReplicaAdapter.State.PROVEN).first()
    if found.adapter is None or now.state not in ("answering", "asleep") or not (proof or found.proven_at):
        return ""
    measured = proof.verdict if proof is not None else found.verdict
    if measured.get("max_difference") is None:
        return _("It answers exactly as it was trained to.")
    return _(
        "It answers as it was trained to: the difference is %(difference).4f (up to %(tolerance).2f is "
        "allowed; the base model differs by %(base).2f)."
    ) % {
        "difference": measured["max_difference"],
        "tolerance": measured["tolerance"],
        "base": measured["base_difference"],
    }


def _snippets(found: Deployment) -> dict[str, str]:
    """Return the page's examples with the address and the name filled in."""
    url = settings.PUBLIC_URL
    key = "EMPTY" if found.open_to_loopback else "sk-luthier-…"
    messages_text = '[{"role": "user", "content": "你是谁？"}]'
    ask = f'model="{found.name}", messages={messages_text}'
    header = "" if found.open_to_loopback else f" \\\n  -H 'Authorization: Bearer {key}'"
    return {
        "curl": f"curl {url}/v1/chat/completions{header} \\\n  -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"model": "{found.name}", "messages": {messages_text}}}'""",
        "python": f"""from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{key}")
reply = client.chat.completions.create({ask})
print(reply.choices[0].message.content)""",
        "python_028": f"""import openai

openai.api_key = "{key}"
openai.api_base = "{url}/v1"
completion = openai.ChatCompletion.create({ask})
print(completion.choices[0].message.content)""",
        "javascript": f"""import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{key}" }});
const messages = {messages_text};
const reply = await client.chat.completions.create({{ model: "{found.name}", messages }});
console.log(reply.choices[0].message.content);""",
    }


@login_required
@require_POST
def deployment_settings(request: PageRequest, deployment_id: str) -> HttpResponse:
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)

    def change(**fields: Any) -> HttpResponse:
        services.update_deployment(deployment=found, by=request.user, **fields)
        messages.success(request, _("Saved."))
        return redirect("deployment", deployment_id)

    form = SettingsForm(request.POST, deployment=found, offers=_offers(request, found))
    return form.answer(change) or _page(request, found, form, status=form.status)


@login_required
@require_POST
def pause_deployment(request: PageRequest, deployment_id: str) -> HttpResponse:
    """Let it sleep; from the page of a job that waits for what it kept, go back there."""
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)
    try:
        services.pause_deployment(deployment=found, by=request.user)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
    else:
        messages.success(request, _("%(name)s sleeps. Its next request wakes it.") % {"name": found.name})
    origin = ButtonForm(request.POST).sent().get("job", "")
    job = FineTuningJob.objects.visible_to(request.team).filter(pk=origin).first()
    return redirect("job", job.pk) if job is not None else redirect("deployment", deployment_id)


@login_required
@require_POST
def resume_deployment(request: PageRequest, deployment_id: str) -> HttpResponse:
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)
    services.resume_deployment(deployment=found, by=request.user)
    return redirect("deployment", deployment_id)


@login_required
@require_POST
def undeploy(request: PageRequest, deployment_id: str) -> HttpResponse:
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)
    services.undeploy(deployment=found, by=request.user)
    messages.success(request, _("%(name)s was taken down.") % {"name": found.name})
    return redirect("deployments")


@login_required
@require_POST
def delete_model(request: PageRequest) -> HttpResponse:
    """Delete the tuned model that the form names, and show the job that made it."""
    name = ButtonForm(request.POST).sent().get("model", "")
    made = TunedModel.objects.visible_to(request.team).filter(name=name).first()
    if made is None:
        raise NotFound(message("model_not_there"), code="model_not_found")
    try:
        services.delete_model(team=request.team, by=request.user, name=name)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
    else:
        messages.success(request, _("%(name)s was deleted.") % {"name": name})
    return redirect("job", made.job_id)


@needs(Role.VIEWER)  # as with a key: to ask a model makes nothing
@require_POST
async def deployment_chat(request: PageRequest, deployment_id: str) -> HttpResponseBase:
    """Answer the page's chat box through the same gateway, for the signed-in person's team."""
    try:
        question = await in_database(_question, request, deployment_id)
        if question is None:
            raise UserError(message("signed_out"), status=401, code="signed_out")
        return await gateway().answer(question, is_chat=True, request_id=request.id)
    except UserError as error:
        return JsonResponse(answer_to(error).body, status=error.status)


def _question(request: PageRequest, deployment_id: str) -> Question | None:
    if not request.user.is_authenticated or request.team is None:
        return None
    found = services.get_deployment(team=request.team, deployment_id=deployment_id)
    body = read_body(request.body)
    caller = Caller(team=found.team, user_id=request.user.pk)
    return Question(caller=caller, target=of_deployment(found), body={**body, "model": found.name})
