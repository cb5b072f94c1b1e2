"""Checkpoints as models: by which names they are asked, which of them can be, and where they are on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.models import Team
from common import artifacts
from common.errors import NotFound, UserError
from jobs.messages import message
from jobs.models import Checkpoint, FineTuningJob, TunedModel
from jobs.tuned_models import adapter_id, local_folder, model_name
from rundir import ManifestError
from rundir.manifest import NAME as MANIFEST
from wording import Message, as_written

Adapter = TunedModel | Checkpoint
"""What makes other answers of a base's: a job's result, or the weights after one of its steps."""
SIGN = ":ckpt-step-"
"""Between the name of a job's model and a step."""
ID = "ftckpt-"
PART = "adapter"
"""The folder in a checkpoint that holds what a tuned model's does, but probes."""


def name_of(adapter: Adapter) -> str:
    """Return its name at the API."""
    if isinstance(adapter, TunedModel):
        return adapter.name
    return name_at(adapter.job, adapter.step)


def name_at(job: FineTuningJob, step: int) -> str:
    """Return the name of the job's checkpoint after `step`."""
    return f"{job.fine_tuned_model or model_name(job)}{SIGN}{step}"


def team_of(adapter: Adapter) -> Team:
    return adapter.team if isinstance(adapter, TunedModel) else adapter.job.team


def as_columns(adapter: Adapter | None) -> dict[str, Any]:
    """Return the column in which a row points to `adapter`, of the two that it has."""
    return {"checkpoint": adapter} if isinstance(adapter, Checkpoint) else {"adapter": adapter}


def find_checkpoint(*, team: Team, name: str) -> Checkpoint | None:
    """Return the checkpoint that `name`, or an id, means; None where no job of `team` can have had it.

    UserError says why it cannot be asked, and what to do.
    """
    stored = Checkpoint.objects.filter(job__team=team, published_at__isnull=False)
    stored = stored.select_related("job__team", "job__base_model")
    finished, sign, step = name.rpartition(SIGN)
    if name.startswith(ID):
        found = stored.filter(pk=name).first()
        job = found.job if found is not None else None
    elif sign and step.isascii() and step.isdigit() and len(step) < 10:
        job = _job_of(team, finished)
        found = stored.filter(job=job, step=int(step)).first() if job is not None else None
    else:
        return None
    if job is None or TunedModel.objects.deleted().filter(job=job).exists():
        return None
    if not job.is_finished:  # until then the next checkpoint may take its place
        too_early = message("checkpoint_too_early", name=name)
        raise UserError(too_early, code="checkpoint_not_ready", param="model", status=409)
    if _trains_all_weights(job):
        raise UserError(message("checkpoint_whole", name=name), code="checkpoint_not_askable", param="model")
    if found is None:
        raise NotFound(_not_kept(job, name), code="model_not_found", param="model")
    return found


def can_be_asked(job: FineTuningJob) -> bool:
    """Return whether the stored checkpoints of `job` are models that answer."""
    is_deleted = TunedModel.objects.deleted().filter(job=job).exists()
    return job.is_finished and not is_deleted and not _trains_all_weights(job)


def note_held_out(*, job: FineTuningJob, losses: Mapping[int, float]) -> None:
    """Keep what an evaluation has measured of checkpoints, by their steps: the mean loss of the held-out rows."""
    for checkpoint in job.checkpoints.filter(step__in=losses):
        metrics = {**checkpoint.metrics, "held_out_loss": losses[checkpoint.step]}
        Checkpoint.objects.filter(pk=checkpoint.pk).update(metrics=metrics)


def is_there(adapter: Adapter) -> bool:
    """Return whether it can be loaded still, or was deleted."""
    if isinstance(adapter, TunedModel):
        return TunedModel.objects.live().filter(pk=adapter.pk).exists()
    is_deleted = TunedModel.objects.deleted().filter(job=adapter.job_id).exists()
    return not is_deleted and Checkpoint.objects.filter(pk=adapter.pk).exists()


def local_weights(adapter: Adapter) -> Path:
    """Return the folder of `adapter` on this machine, fetched from storage and verified when it is not here.

    UserError when storage has lost or damaged it, or when it was deleted; errors of a storage that is away pass
    through.
    """
    if isinstance(adapter, TunedModel):
        return local_folder(adapter)
    folder: Path = settings.LUTHIER_HOME / "adapters" / f"{adapter_id(adapter.job)}.{adapter.pk}"
    try:
        artifacts.fetch_folder(adapter.storage_name, folder, part=PART)
        os.utime(folder / MANIFEST)  # when it was last used
    except (ManifestError, FileNotFoundError) as error:
        reason = error.message if isinstance(error, ManifestError) else as_written(error)
        said = message("adapter_not_loaded", name=name_of(adapter), reason=reason)
        raise UserError(said, code="adapter_damaged", status=500) from error
    return folder


def _job_of(team: Team, finished: str) -> FineTuningJob | None:
    """Return the job whose model has that name, or would have had it."""
    jobs = FineTuningJob.objects.visible_to(team).select_related("team", "base_model")
    made = jobs.filter(fine_tuned_model=finished).first()
    unique = finished.rpartition(":")[2]
    if made is not None or not (unique.isascii() and unique.isalnum()):
        return made
    others = jobs.filter(fine_tuned_model=None, pk__startswith=f"ftjob-{unique}")
    return next((job for job in others if model_name(job) == finished), None)


def _trains_all_weights(job: FineTuningJob) -> bool:
    made = TunedModel.objects.filter(job=job).first()
    if made is not None:
        return made.result == "model"
    values = job.hyperparameters
    return not values.get("lora_dim", 1) or not values.get("only_optimize_lora", True)


def _not_kept(job: FineTuningJob, name: str) -> Message:
    steps = job.checkpoints.exclude(published_at=None).order_by("step").values_list("step", flat=True)
    if not steps:
        return message("checkpoints_not_kept", name=name)
    return message("checkpoint_not_kept", name=name, steps=", ".join(map(str, steps)))
