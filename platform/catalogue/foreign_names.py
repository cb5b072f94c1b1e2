"""Names by which other providers call their models, and the base that each of them means here.

A script that says `gpt-4o-mini-2024-07-18` goes on working once an administrator has said which base that is.
"""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import AuditEvent, User
from catalogue.messages import message
from catalogue.models import VALID_NAME, BaseModel, ModelName
from common.errors import NotFound, UserError
from common.texts import is_storable
from wording import Message

LARGE = ("gpt-4.1-2025-04-14", "gpt-4.1", "gpt-4o-2024-08-06", "gpt-4o")
MEDIUM = (
    "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "gpt-4o-mini-2024-07-18", "gpt-4o-mini", "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-1106", "gpt-3.5-turbo-0613", "gpt-3.5-turbo",
)  # fmt: skip
SMALL = ("gpt-4.1-nano-2025-04-14", "gpt-4.1-nano", "davinci-002", "babbage-002")
"""What OpenAI tunes, by size. Source: its fine-tuning guide, as of November 2026."""
FOREIGN = ("gpt-", "chatgpt-", "o1", "o3", "o4", "davinci-", "babbage-", "openai/")
"""How names begin that are OpenAI's."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A name that nobody has mapped yet, and the base that would be near it in size."""

    name: str
    base: BaseModel


def base_named(name: str) -> BaseModel | None:
    """Return the base of this id or, failing that, the one that an administrator has mapped the name to."""
    if not is_storable(name):
        return None
    base = BaseModel.objects.filter(pk=name).first()
    return base or BaseModel.objects.filter(names__pk=name).first()


def unknown_name(said: Message, name: str) -> Message:
    """Return `said`, for a name of another provider followed by how it is mapped."""
    return said.followed_by(message("foreign_name")) if name.startswith(FOREIGN) else said


@transaction.atomic
def set_model_name(*, name: str, base_id: str, by: User | None) -> ModelName:
    """Have `name` mean the base; what it meant before it means no longer. Jobs that were made keep their base."""
    try:
        VALID_NAME(name)
    except ValidationError:
        raise UserError(message("model_name_invalid"), code="invalid_name", param="name") from None
    if BaseModel.objects.filter(pk=name).exists():
        raise UserError(message("model_name_is_an_id", name=name), code="name_taken", param="name", status=409)
    base = BaseModel.objects.filter(pk=base_id).first() if is_storable(base_id) else None
    if base is None:
        raise NotFound(message("model_not_found", model=base_id[:80]), code="model_not_found", param="base")
    earlier = ModelName.objects.filter(pk=name).first()
    if earlier is not None and earlier.base_id == base.pk:
        return earlier
    made, _ = ModelName.objects.update_or_create(name=name, defaults={"base": base, "set_by": by})
    before = {"base": earlier.base_id} if earlier else None
    AuditEvent.record(actor=by, action="model_name.set", target=name, before=before, base=base.pk)
    return made


@transaction.atomic
def remove_model_name(*, name: str, by: User | None) -> None:
    """Forget what `name` means; NotFound when it means nothing."""
    known = ModelName.objects.filter(pk=name) if is_storable(name) else ModelName.objects.none()
    found = known.select_for_update().first()
    if found is None:
        raise NotFound(message("no_such_model_name", name=name[:80]), code="model_name_not_found", param="name")
    found.delete()
    AuditEvent.record(actor=by, action="model_name.removed", target=name, before={"base": found.base_id})


def proposals() -> list[Proposal]:
    """Return OpenAI's names that mean nothing yet with a base that is here: the largest, middle and smallest one."""
    bases = list(BaseModel.objects.present().order_by("parameters", "pk"))
    if not bases:
        return []
    taken = {*ModelName.objects.values_list("name", flat=True), *BaseModel.objects.values_list("id", flat=True)}
    sized = ((LARGE, bases[-1]), (MEDIUM, bases[len(bases) // 2]), (SMALL, bases[0]))
    return [Proposal(name=name, base=base) for names, base in sized for name in names if name not in taken]


@transaction.atomic
def accept_proposals(*, by: User | None) -> list[ModelName]:
    """Map every name that is proposed."""
    return [set_model_name(name=one.name, base_id=one.base.pk, by=by) for one in proposals()]
