"""Questions of the playground, answered through the gateway for the person who is signed in. None is stored."""

import asyncio
import json
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.errors import UserError, answer_to
from common.valkey import is_over_limit
from common.wording import in_words
from deployments.gateway.admission import Caller, Question, read_body
from deployments.gateway.gateway import gateway
from deployments.gateway.in_flight import in_database
from deployments.messages import message as deployments_message
from deployments.names import find_target
from playground.messages import message
from playground.talks import SIDES, Said, Settings, Side, Talk, Turn
from playground.web.forms import TalkForm
from playground.web.pages import page_of, talk_form

PASSED_ON = ("messages", "stream", "temperature", "top_p", "max_tokens", "seed")
"""Of what the page sends; the replica checks each."""
ASKED_IN_A_MINUTE = 120
"""Of one person: two models are asked at once."""


@needs(Role.VIEWER)  # to ask a model makes nothing
@require_POST
async def ask(request: PageRequest) -> HttpResponseBase:
    """Stream one model's answer; both are asked at once, each by a request of its own."""
    try:
        question = await in_database(_question, request)
        return await gateway().answer(question, is_chat=True, request_id=request.id)
    except UserError as error:
        return JsonResponse(answer_to(error).body, status=error.status)


def _question(request: PageRequest) -> Question:
    if not request.user.is_authenticated or request.team is None:
        raise UserError(deployments_message("signed_out"), status=401, code="signed_out")
    body = read_body(request.body)
    passed = {name: body[name] for name in PASSED_ON if body.get(name) is not None}
    return _admitted(request, body["model"], passed)


def _admitted(request: PageRequest, model: str, body: dict[str, Any]) -> Question:
    if is_over_limit(f"playground:{request.user.pk}", limit=ASKED_IN_A_MINUTE, seconds=60):
        raise UserError(message("asked_too_often"), status=429, code="throttled")
    caller = Caller(team=request.team, user_id=request.user.pk)
    return Question(caller=caller, target=find_target(team=request.team, name=model), body={**body, "model": model})


@needs(Role.VIEWER)
@require_POST
async def ask_both(request: PageRequest) -> HttpResponseBase:
    """Answer a browser without scripts: the whole page, with both answers once they are there."""
    if not await in_database(lambda: request.user.is_authenticated and request.team is not None):
        return HttpResponseRedirect(f"{reverse('sign_in')}?next={reverse('playground')}")
    form = await in_database(talk_form, request, is_sent=True)
    try:
        talk, prompt = await in_database(_read, form)
    except UserError as error:
        so_far = form.talk_or_none()
        form.refuse(error)
        return await in_database(_page, request, form, so_far, status=form.status)
    answers = await asyncio.gather(*(_answer(request, talk, side, prompt) for side in SIDES))
    said = {side: text for side, (text, _) in zip(SIDES, answers, strict=True)}
    failed = {side: why for side, (_, why) in zip(SIDES, answers, strict=True) if why}
    if any(text is not None for text in said.values()):
        talk = Talk.of(
            turns=[*talk.turns_as_json(), {"prompt": prompt, **said}],
            left=talk.left, right=talk.right, system=talk.system, settings=talk.settings,
        )  # fmt: skip
        prompt = ""
    return await in_database(_page, request, form, talk, prompt=prompt, failed=failed)


def _read(form: TalkForm) -> tuple[Talk, str]:
    """Return the talk so far and what is asked next."""
    if not form.is_valid():
        raise UserError(message("parameters_refused"), code="invalid_value")
    talk, prompt = form.talk(), form.cleaned_data["prompt"]
    if not prompt:
        raise UserError(message("prompt_missing"), code="missing_prompt", param="prompt")
    if not talk.left and not talk.right:
        raise UserError(message("talk_without_models"), code="missing_model", param="right")
    Talk.of(turns=[*talk.turns_as_json(), {"prompt": prompt, "left": None, "right": None}])
    return talk, prompt


async def _answer(request: PageRequest, talk: Talk, side: Side, prompt: str) -> tuple[str | None, str]:
    """Return a model's answer, or None and why there is none; neither where none is asked."""
    if not (model := talk.model(side)):
        return None, ""
    try:
        said = talk.messages(side, before=len(talk.turns), prompt=prompt)
        question = await in_database(_admitted, request, model, _body(said, talk.settings))
        reply = await gateway().answer(question, is_chat=True, request_id=request.id)
    except UserError as error:
        return None, in_words(error.message)
    return _content(reply)


def _body(said: list[Said], settings: Settings) -> dict[str, Any]:
    return {"messages": said, **{name: value for name, value in settings.items() if value is not None}}


def _content(reply: HttpResponseBase) -> tuple[str | None, str]:
    assert isinstance(reply, HttpResponse)
    found = json.loads(reply.content)
    if reply.status_code != 200:
        return None, str(found["error"]["message"])
    return str(found["choices"][0]["message"]["content"] or ""), ""


def _page(
    request: PageRequest,
    form: TalkForm,
    talk: Talk,
    *,
    prompt: str | None = None,
    failed: dict[Side, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = page_of(request, form, talk, prompt=prompt)
    if failed:
        context["failed"] = Turn(prompt=prompt or "", left=failed.get("left"), right=failed.get("right"))
    return render(request, "playground/page.html", context, status=status)
