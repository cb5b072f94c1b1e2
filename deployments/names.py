"""Which model a name in a request means, for whom."""

from dataclasses import dataclass

from accounts.models import Team
from catalogue.foreign_names import base_named, unknown_name
from catalogue.models import BaseModel
from common.errors import NotFound
from deployments.messages import message
from deployments.models import Deployment
from jobs.models import TunedModel
from jobs.training.checkpoints import SIGN, Adapter, find_checkpoint
from wording import Message

_PARTS = ("base_model", "adapter", "checkpoint__job__team", "team")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a request asks for."""

    name: str
    """The public name, as the caller wrote it."""
    base_model: BaseModel
    adapter: Adapter | None = None
    """None: the base itself."""
    deployment: Deployment | None = None
    """Set when the name is a deployment's."""

    @property
    def key(self) -> str:
        """Equal for requests that wait for the same thing."""
        if self.deployment is not None:
            return self.deployment.id
        return self.adapter.pk if self.adapter is not None else f"base:{self.base_model.id}"


def find_target(*, team: Team, name: str) -> Target:
    """Return what `name` means for `team`: a deployment, a tuned model, a checkpoint or a base.

    NotFound when it means nothing; UserError for a checkpoint that cannot be asked.
    """
    deployments = Deployment.objects.visible_to(team).live().filter(name=name)
    deployment = deployments.select_related(*_PARTS).first()
    return of_deployment(deployment) if deployment is not None else find_model(team=team, name=name)


def find_open_target(*, name: str) -> Target | None:
    """Return the deployment of this name that answers callers of this machine without a key."""
    deployments = Deployment.objects.live().filter(name=name, open_to_loopback=True)
    deployment = deployments.select_related(*_PARTS).first()
    return of_deployment(deployment) if deployment is not None else None


def of_deployment(deployment: Deployment) -> Target:
    return Target(
        name=deployment.name, base_model=deployment.base_model, adapter=deployment.weights, deployment=deployment
    )


def find_model(*, team: Team, name: str) -> Target:
    """Return the tuned model, the checkpoint or the present base of this name; NotFound when `team` has none."""
    adapter = TunedModel.objects.visible_to(team).live().filter(name=name).select_related("base_model").first()
    if adapter is not None:
        return Target(name=name, base_model=adapter.base_model, adapter=adapter)
    checkpoint = find_checkpoint(team=team, name=name)
    if checkpoint is not None:
        return Target(name=name, base_model=checkpoint.job.base_model, adapter=checkpoint)
    base_model = base_named(name)
    if base_model is not None and base_model.is_present:
        return Target(name=name, base_model=base_model)
    raise NotFound(_why_not(team, name), code="model_not_found", param="model")


def _why_not(team: Team, name: str) -> Message:
    finished, sign, _step = name.rpartition(SIGN)
    deleted = TunedModel.objects.visible_to(team).deleted()
    if deleted.filter(name=name).exists():
        return message("named_model_deleted", model=name)
    if sign and deleted.filter(name=finished).exists():
        return message("model_deleted_with_checkpoints", model=finished)
    return unknown_name(message("model_not_visible", model=name), name)
