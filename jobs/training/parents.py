"""Tuned models that are trained further: which one a name means, what is inherited from it, and how its weights come
to the training. Of one that was deleted since, a job keeps the name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from django.db.models import Q

from accounts.models import Team
from catalogue.foreign_names import base_named
from catalogue.models import BaseModel
from common.errors import UserError
from common.texts import is_storable
from jobs.hyperparameters import Asked, Resolved
from jobs.hyperparameters.messages import message as of_values
from jobs.messages import message
from jobs.models import Checkpoint, FineTuningJob, TunedModel
from jobs.training.checkpoints import Adapter, find_checkpoint, local_weights

FORM = ("lora_dim", "lora_alpha", "use_rslora", "use_dora", "lora_module_name", "only_optimize_lora")
"""What an adapter cannot have otherwise than it was made."""
HABITS = ("system_prompt",)
"""What is as it was unless somebody asks for something else."""
SHOWN = 20
"""Models that were trained further from one."""
WHOLE: Mapping[str, Any] = {"lora_dim": 0}
"""The form of a model of which all weights were trained."""


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A tuned model, or a checkpoint of one, that is trained further."""

    name: str
    """As it was asked for."""
    adapter: Adapter

    @property
    def maker(self) -> FineTuningJob:
        return self.adapter.job

    @property
    def base_model(self) -> BaseModel:
        return self.maker.base_model

    @property
    def is_whole(self) -> bool:
        return isinstance(self.adapter, TunedModel) and self.adapter.result == "model"

    @property
    def form(self) -> dict[str, Any]:
        """Return the values that a further training must have."""
        made = self.maker.hyperparameters
        return dict(WHOLE) if self.is_whole else {name: made[name] for name in FORM if name in made}

    def inherited(self, asked: Asked) -> Asked:
        """Return what is asked with what is inherited; UserError for a value that contradicts the parent."""
        for name, own in self.form.items():
            value = cast(Mapping[str, Any], asked).get(name, own)
            if value != own:
                said = message("contradicts_parent", name=name, value=value, parent=self.name, own=own)
                raise UserError(said, code="cannot_be_honoured", param=name)
        made = self.maker.hyperparameters
        habits = {name: made[name] for name in HABITS if name in made}
        return cast(Asked, {**habits, **self.form, **asked})

    def explain(self, resolved: Resolved, asked: Asked) -> Resolved:
        """Say of each inherited value why it is as it is."""
        names = (*self.form, *HABITS)
        said = of_values("as_its_parent", parent=self.name)
        reasons = {name: said for name in names if name in resolved.values and name not in asked}
        return replace(resolved, reasons={**resolved.reasons, **reasons})

    @property
    def stored(self) -> dict[str, str]:
        """Return what a job keeps of it."""
        kind = "checkpoint" if isinstance(self.adapter, Checkpoint) else "adapter"
        return {"name": self.name, kind: self.adapter.pk}


def find_parent(*, team: Team, name: str) -> Parent | None:
    """Return the tuned model or checkpoint of `team` that a name means; None for none.

    UserError says why a checkpoint cannot be trained further.
    """
    if not is_storable(name):
        return None
    parts = ("job__base_model", "job__team", "base_model", "team")
    model = TunedModel.objects.visible_to(team).live().filter(name=name).select_related(*parts).first()
    adapter = model or find_checkpoint(team=team, name=name)
    return Parent(name=name, adapter=adapter) if adapter is not None else None


def parent_or_none(*, team: Team, name: str) -> Parent | None:
    """As `find_parent`, for pages: the use case says why a checkpoint cannot be trained further."""
    try:
        return find_parent(team=team, name=name)
    except UserError:
        return None


def as_asked_of_base(*, team: Team, model: str, asked: Asked) -> tuple[str, Asked]:
    """Return the base's name and what is asked of it, with what is inherited where `model` is trained further."""
    parent = find_parent(team=team, name=model) if base_named(model) is None else None
    return (model, asked) if parent is None else (parent.base_model.pk, parent.inherited(asked))


def parent_of(job: FineTuningJob) -> Parent | None:
    """Return what the job trains further; None for a base. UserError where it was deleted since."""
    if not job.parent:
        return None
    adapter: Adapter | None
    if "checkpoint" in job.parent:
        found = Checkpoint.objects.select_related("job__base_model", "job__team")
        adapter = found.filter(pk=job.parent["checkpoint"]).first()
        is_there = adapter is not None and not TunedModel.objects.deleted().filter(job=adapter.job_id).exists()
    else:
        models = TunedModel.objects.live().select_related("job__base_model", "job__team", "base_model", "team")
        adapter = models.filter(pk=job.parent["adapter"]).first()
        is_there = adapter is not None
    if adapter is None or not is_there:
        raise UserError(message("parent_deleted", name=job.parent["name"]), code="model_deleted", param="model")
    return Parent(name=job.parent["name"], adapter=adapter)


def parent_model(job: FineTuningJob) -> TunedModel | None:
    """Return the model that the job trained further, or whose checkpoint it did; None once it was deleted."""
    models = TunedModel.objects.visible_to(job.team).live()
    if "checkpoint" in job.parent:
        return models.filter(job__checkpoints=job.parent["checkpoint"]).first()
    return models.filter(pk=job.parent["adapter"]).first() if job.parent else None


def children_of(model: TunedModel) -> list[TunedModel]:
    """Return the newest models that were trained further from this one, or from a checkpoint of it."""
    checkpoints = list(Checkpoint.objects.filter(job=model.job_id).values_list("pk", flat=True))
    further = Q(job__parent__adapter=model.pk) | Q(job__parent__checkpoint__in=checkpoints)
    return list(TunedModel.objects.live().filter(further, team=model.team).select_related("job__base_model")[:SHOWN])


def require_unneeded(model: TunedModel) -> None:
    """Raise UserError while a job that has not ended trains this model, or a checkpoint of it, further."""
    checkpoints = list(Checkpoint.objects.filter(job=model.job_id).values_list("pk", flat=True))
    jobs = FineTuningJob.objects.visible_to(model.team).unfinished()
    job = jobs.filter(Q(parent__adapter=model.pk) | Q(parent__checkpoint__in=checkpoints)).first()
    if job is not None:
        raise UserError(message("parent_needed", name=model.name, job=job.pk), code="model_in_use", status=409)


def weights_for(job: FineTuningJob, *, is_resumed: bool) -> tuple[Parent, Any] | None:
    """Return what the job trains further with the folder of its weights on this machine, where these are needed.

    An adapter that is trained already is in the job's own checkpoint; of a whole model its files are needed as well.
    """
    if not job.parent or (is_resumed and job.hyperparameters.get("lora_dim")):
        return None
    parent = parent_of(job)
    assert parent is not None
    return parent, local_weights(parent.adapter)
