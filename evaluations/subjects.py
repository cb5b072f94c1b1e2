"""Which models an evaluation asks: by name or id, each with its base beside it where that is wished."""

from collections.abc import Iterable

from accounts.models import Team
from catalogue.models import BaseModel
from common.errors import NotFound, UserError
from common.texts import is_storable, sendable
from deployments.names import find_target
from evaluations.messages import message
from evaluations.models import Subject
from jobs.models import Checkpoint, TunedModel
from jobs.training.checkpoints import as_columns, name_of

MOST = 8


def find_subjects(*, team: Team, names: Iterable[str], baseline: bool) -> list[Subject]:
    """Return unsaved subjects in order, with `baseline` the base of each tuned one first; UserError or NotFound says
    what is wrong with a name."""
    found: list[Subject] = []
    for name in names:
        subject = find_subject(team=team, name=name)
        if any(one.name == subject.name for one in found):
            raise UserError(message("evaluation_model_twice", name=subject.name), param="models")
        found.append(subject)
    if not found:
        raise UserError(message("evaluation_needs_models"), param="models")
    if baseline:
        found = with_bases(found)
    if len(found) > MOST:
        raise UserError(message("evaluation_too_many_models", most=MOST), param="models")
    for position, subject in enumerate(found):
        subject.position = position
    return found


def with_bases(found: list[Subject]) -> list[Subject]:
    """Put the base of each tuned model first, where it is not there already."""
    asked = {one.base_model_id for one in found if one.is_untuned}
    missing = dict.fromkeys(one.base_model for one in found if not one.is_untuned and one.base_model_id not in asked)
    return [*(base_subject(base) for base in missing), *found]


def base_subject(base: BaseModel) -> Subject:
    return Subject(name=base.pk, kind=Subject.Kind.BASE, base_model=base)


def tuned_subject(adapter: TunedModel) -> Subject:
    return Subject(name=adapter.name, kind=Subject.Kind.TUNED, base_model=adapter.base_model, adapter=adapter)


def checkpoint_subject(checkpoint: Checkpoint) -> Subject:
    kind = Subject.Kind.CHECKPOINT
    return Subject(name=name_of(checkpoint), kind=kind, base_model=checkpoint.job.base_model, checkpoint=checkpoint)


def find_subject(*, team: Team, name: str) -> Subject:
    """Return what `name` means for `team`: a base, a tuned model, a checkpoint or a deployment."""
    if not is_storable(name):
        raise NotFound(message("evaluation_model_gone", name=sendable(name)), param="models")
    if name.startswith(("http://", "https://")):
        raise UserError(message("evaluation_endpoint_unsupported", name=sendable(name)), param="models")
    try:
        target = find_target(team=team, name=name)
    except UserError as error:
        error.param = "models"
        raise
    if target.deployment is not None:
        kind = Subject.Kind.DEPLOYMENT
        return Subject(name=name, kind=kind, base_model=target.base_model, **as_columns(target.adapter))
    if isinstance(target.adapter, Checkpoint):
        return checkpoint_subject(target.adapter)
    return tuned_subject(target.adapter) if target.adapter is not None else base_subject(target.base_model)
