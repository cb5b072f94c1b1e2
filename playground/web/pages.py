"""What the playground's pages show. Nothing here changes anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Team
from accounts.requests import PageRequest
from catalogue.models import BaseModel
from common.wording import in_words
from datasets_app.models import TrainingFile
from deployments.models import Deployment
from evaluations.web.pages import marked
from jobs.models import TunedModel
from jobs.training.checkpoints import SIGN
from jobs.tuned_models import offered_models
from playground.models import Share
from playground.talks import LONGEST_NAME, LONGEST_TALK, MOST_TURNS, SIDES, Side, Talk, Turn, too_long
from playground.web.forms import PARAMETERS, TalkForm

OFFERED = 50
SHOWN_SHARES = 5


@dataclass(frozen=True)
class ShownAnswer:
    """An answer beside the other one: what that lacks is marked."""

    side: Side
    name: str
    text: str | None
    parts: list[tuple[str, bool]]


@dataclass(frozen=True)
class ShownTurn:
    """A question with its answers, numbered from 0."""

    number: int
    prompt: str
    answers: list[ShownAnswer]


BLANK = ShownTurn(0, "", [ShownAnswer("left", "", None, []), ShownAnswer("right", "", None, [])])
"""What a script fills in for each question."""


def models_of(team: Team) -> list[tuple[str, Any]]:
    """Return what can be asked, in groups: the team's tuned models, its deployments, base models."""
    deployments = Deployment.objects.visible_to(team).live()[:OFFERED]
    groups = [
        (_("Tuned models"), offered_models(team)),
        (_("Deployments"), [(one.name, one.name) for one in deployments]),
        (_("Base models"), [(base.pk, base.display_name) for base in BaseModel.objects.present()]),
    ]
    return [(title, group) for title, group in groups if group]


def _offered(request: PageRequest, talk: Talk | None = None) -> list[tuple[str, Any]]:
    """Return what can be asked, and the checkpoints that are named: their jobs' pages alone list them."""
    sent = TalkForm(request.POST).sent() if request.method == "POST" else request.GET
    names = [talk.model(side) if talk is not None else sent.get(side, "")[:LONGEST_NAME] for side in SIDES]
    named = dict.fromkeys(name for name in names if SIGN in name)
    steps = [(_("Checkpoints"), [(name, name) for name in named])] if named else []
    return [*models_of(request.team), *steps]


def talk_form(request: PageRequest, *, is_sent: bool = False, shared: Share | None = None) -> TalkForm:
    """Return the page's form: as it was sent, of a shared talk, or of the models that the address or habit names."""
    models = _offered(request, shared.talk if shared is not None else None)
    if is_sent:
        return TalkForm(request.POST, models=models)
    if shared is not None:
        talk = shared.talk
        initial = {"left": talk.left, "right": talk.right, "system": talk.system, **talk.settings}
        return TalkForm(models=models, initial={**initial, "turns": json.dumps(talk.turns_as_json())})
    return TalkForm(models=models, initial=_chosen(request))


def _chosen(request: PageRequest) -> Mapping[str, str]:
    """Return the models of the address; else the newest tuned model beside its base."""
    asked: dict[str, str] = {side: request.GET.get(side, "") for side in SIDES}
    newest = TunedModel.objects.visible_to(request.team).live().select_related("base_model")
    tuned = newest.filter(name=asked["right"]).first() if asked["right"].isprintable() else None
    if tuned is None and not any(asked.values()):
        tuned = newest.first()
    if tuned is not None:
        return {"left": asked["left"] or tuned.base_model_id, "right": tuned.name}
    if not any(asked.values()):
        base = BaseModel.objects.present().first()
        return {"left": base.pk if base is not None else "", "right": ""}
    return asked


def page_of(request: PageRequest, form: TalkForm, talk: Talk, *, prompt: str | None = None) -> dict[str, Any]:
    """Return what the page shows of a talk, and the form with which it goes on."""
    if form.is_bound and not form.errors:
        said = {"turns": json.dumps(talk.turns_as_json()), "prompt": prompt or ""}
        form = TalkForm(models=_offered(request), initial={**form.cleaned_data, **said})
    return {
        "form": form,
        "turns": shown_turns(talk, names_of(request.team)),
        "blank": BLANK,
        "most_turns": MOST_TURNS,
        "most_characters": LONGEST_TALK,
        "full": in_words(too_long()),
        "is_advanced": any(form[name].errors for name in ("system", *PARAMETERS)),
        "shares": Share.objects.visible_to(request.team).listed()[:SHOWN_SHARES],
        **examples(),
    }


def names_of(team: Team) -> dict[str, str]:
    """Return what people call each model that can be asked."""
    return {name: str(label) for _title, group in models_of(team) for name, label in group}


def shown_turns(talk: Talk, names: dict[str, str]) -> list[ShownTurn]:
    return [_shown(talk, number, turn, names) for number, turn in enumerate(talk.turns)]


def _shown(talk: Talk, number: int, turn: Turn, names: dict[str, str]) -> ShownTurn:
    left, right = turn.left, turn.right
    both = left is not None and right is not None
    parts: dict[Side, list[tuple[str, bool]]] = {
        "left": marked(right or "", left or "") if both else [(left or "", False)],
        "right": marked(left or "", right or "") if both else [(right or "", False)],
    }
    answers = [
        ShownAnswer(side, names.get(talk.model(side), talk.model(side)), turn.answer(side), parts[side])
        for side in SIDES
        if talk.model(side)
    ]
    return ShownTurn(number, turn.prompt, answers)


def data_sets_of(team: Team) -> list[tuple[str, str]]:
    """Return (id, name) of the data sets that a row can be put into: the newest version of each."""
    files = TrainingFile.objects.visible_to(team).filter(purpose="fine-tune").exclude(status="error")
    found: dict[str, tuple[str, str]] = {}
    for file in files.order_by("-created_at")[: 4 * OFFERED]:
        if file.use == "chat" or file.made.get("how") == "append":
            words = _("%(name)s, version %(version)s") % {"name": file.filename, "version": file.version}
            found.setdefault(file.family, (file.pk, words))
    return list(found.values())[:OFFERED]


def examples() -> dict[str, str]:
    """Return the same from a program."""
    url, header = settings.PUBLIC_URL, "-H 'Authorization: Bearer sk-luthier-…'"
    return {
        "curl": f"for MODEL in smollm2-135m-instruct ft:…; do\n"
        f"  curl {url}/v1/chat/completions {header} -H 'Content-Type: application/json' \\\n"
        """    -d '{"model": "'$MODEL'", "messages": [{"role": "user", "content": "你是谁？"}]}'\ndone\n"""
        f"curl {url}/api/v1/playground/shares {header}",
        "python": 'for model in ("smollm2-135m-instruct", "ft:…"):\n'
        '    messages = [{"role": "user", "content": "你是谁？"}]\n'
        "    reply = client.chat.completions.create(model=model, messages=messages)\n"
        "    print(model, reply.choices[0].message.content)",
    }
