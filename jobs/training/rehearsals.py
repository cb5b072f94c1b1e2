"""What is known of configurations that were tried: whether they fit, how long a step takes, and what to try instead."""

import hashlib
import json
from collections.abc import Sequence
from typing import cast

from django.db import transaction

from compute.models import Device
from jobs.hyperparameters import Layout, Values, lay_out
from jobs.hyperparameters.memory_savings import MemorySaving, next_saving
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob, Rehearsal
from jobs.training.attempts import lock_job
from rundir import Event
from wording import Message

DECIDES_MEMORY = (
    "lora_dim",
    "lora_module_name",
    "only_optimize_lora",
    "use_dora",
    "gradient_checkpointing",
    "zero_stage",
    "offload",
)
LENGTH_STEP = 64
"""Longest conversations are distinguished in steps of that many tokens."""
OUT_OF_MEMORY = "out_of_memory"


def key_of(job: FineTuningJob, layout: Layout, devices: Sequence[Device], *, longest: int) -> str:
    """Return one name for all trainings that take the same memory: model, method, batch, length and devices."""
    facts = {
        "base": job.base_model.sha256,
        "values": {name: job.hyperparameters.get(name) for name in DECIDES_MEMORY},
        "per_device": layout.per_device,
        "world_size": layout.world_size,
        "longest": -(-longest // LENGTH_STEP),
        "device": sorted({(device.kind, device.name, device.memory_bytes) for device in devices}),
        "num_devices": len(devices),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def settle(attempt: Attempt, layout: Layout, devices: Sequence[Device], *, longest: int) -> tuple[Layout, bool]:
    """Return the layout to train with, and whether it must be rehearsed.

    What is known not to fit is not tried again: its next saving is taken at once.
    """
    job = attempt.job
    while True:
        key = key_of(job, layout, devices, longest=longest)
        known = Rehearsal.objects.current().filter(pk=key).first()
        if known is None or known.fits:
            break
        saving = _saving(job, layout, devices)
        if saving is None:
            break
        change(job, saving, message("memory_known_short").followed_by(saving.message))
        layout = lay_out(
            job.batch_size or 1,
            devices=layout.world_size,
            at_most=int(job.hyperparameters["per_device_train_batch_size"]),
        )
    Attempt.objects.filter(pk=attempt.pk).update(rehearsal_key=key)
    return layout, known is None or not known.fits


def climb(attempt: Attempt) -> MemorySaving | None:
    """Remember that the attempt's configuration does not fit, and return the saving that its job takes next, if any."""
    job = attempt.job
    devices = _devices_of(attempt)
    if attempt.rehearsal_key:
        Rehearsal.objects.update_or_create(
            pk=attempt.rehearsal_key, defaults={"base_model": job.base_model, "fits": False, **_device_facts(devices)}
        )
    layout = lay_out(
        job.batch_size or 1,
        devices=attempt.world_size or 1,
        at_most=int(job.hyperparameters["per_device_train_batch_size"]),
    )
    return _saving(job, layout, devices)


@transaction.atomic
def change(job: FineTuningJob, saving: MemorySaving, said: Message) -> None:
    """Give the job the saving's values, and say so."""
    locked = lock_job(job.pk)
    locked.hyperparameters = {**locked.hyperparameters, **saving.changes}
    locked.reasons = {
        **locked.reasons,
        **dict.fromkeys(saving.changes, message("memory_ran_out_without").stored()),
    }
    locked.save(update_fields=["hyperparameters", "reasons"])
    locked.record_event(said, level="warn")
    job.hyperparameters, job.reasons = locked.hyperparameters, locked.reasons


def note(attempt: Attempt, event: Event) -> None:
    """Store what a rehearsal has found, for the next job of this configuration and for estimates."""
    if not attempt.rehearsal_key:
        return
    found = event.data
    Rehearsal.objects.update_or_create(
        pk=attempt.rehearsal_key,
        defaults={
            "base_model": attempt.job.base_model,
            "fits": True,
            "seconds_per_step": float(found["seconds_per_step"]),
            "tokens": int(found["tokens"]),
            "peak_memory_bytes": int(found["peak_memory_bytes"]),
            "checkpoint_bytes": int(found["checkpoint_bytes"]),
            **_device_facts(_devices_of(attempt)),
        },
    )


def _saving(job: FineTuningJob, layout: Layout, devices: Sequence[Device]) -> MemorySaving | None:
    values: dict[str, object] = {
        **job.hyperparameters,
        "per_device_train_batch_size": layout.per_device,
        "gradient_accumulation_steps": layout.rounds,
    }
    kind = devices[0].kind if devices else "cpu"
    return next_saving(cast(Values, values), job.asked, device_kind=kind, world_size=layout.world_size)


def _devices_of(attempt: Attempt) -> list[Device]:
    """Return the devices that the attempt's Run holds or has held."""
    return list(Device.objects.filter(allocations__run=attempt.run).select_related("node").distinct())


def _device_facts(devices: Sequence[Device]) -> dict[str, int | str]:
    return {
        "device_kind": devices[0].kind if devices else "",
        "device_name": devices[0].name if devices else "",
        "num_devices": len(devices),
    }
