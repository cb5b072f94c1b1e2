"""The facts that automatic values depend on, read from the catalogue, a file and the pool."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.models import Team
from catalogue.models import BaseModel
from catalogue.services import chat_format
from chat import ChatError, SystemChoice
from compute.administering.quotas import quota_of
from compute.models import Pool
from compute.pool import room_in
from datasets_app.models import TrainingFile
from datasets_app.recipes.registry import RECIPES
from jobs.hyperparameters import Situation, longest_automatic
from jobs.models import FineTuningJob

BYTES_PER_TOKEN = 3.5
"""Of a text, roughly and in most languages."""
UNKNOWN_ROWS = 100
TURN_TOKENS = 64
"""Room for what a template writes around a conversation."""


@dataclass(frozen=True, kw_only=True)
class Devices:
    """What a training of a team may get at most."""

    kind: str
    """cpu or cuda."""
    most: int

    @property
    def ranks(self) -> int:
        """All cores are one rank; every GPU is one."""
        return self.most if self.kind == "cuda" else 1


def devices_for(team: Team, accelerators: int | None, of: Pool | None = None) -> Devices:
    """Return the kind of a pool and the devices that a training may hold there: asked for, or of the largest node.

    `of` None is the default pool.
    """
    of = of or Pool.default()
    room, quota = room_in(of), quota_of(team, of)
    most = accelerators or min(room.largest, quota if quota is not None else room.largest)
    return Devices(kind=room.kind, most=max(1, most))


def situation_of(
    *,
    base: BaseModel,
    file: TrainingFile | None,
    has_validation_file: bool,
    devices: Devices,
    system_prompt: str | None,
    validation_file: TrainingFile | None = None,
) -> Situation:
    """Return what is known; without a processed file the number of conversations is taken as 100."""
    own, is_removable = own_system_prompt(base)
    statistics = file.statistics if file is not None else {}
    added = len((own or "").encode()) + len((system_prompt or "").encode()) + TURN_TOKENS
    longest = max(
        (found.statistics.get("longest_row_bytes", 0) for found in (file, validation_file) if found), default=0
    )
    return Situation(
        parameters=base.parameters,
        hidden_size=base.hidden_size,
        context_length=base.context_length,
        rows=_rows_of(file, devices.kind),
        goal=_goal_of(file),
        by_recipe=_by_recipe(file),
        is_one_text=file is not None and file.use == "text" and file.format == "text",
        longest_tokens=longest + added if longest else None,
        has_validation_file=has_validation_file,
        has_system_messages=bool(statistics.get("roles", {}).get("system")),
        own_system_prompt=own,
        own_prompt_is_removable=is_removable,
        device_kind=devices.kind,
        accelerators=devices.most,
    )


def situation_of_job(job: FineTuningJob, devices: Devices) -> Situation:
    """Return what is known of a job as it was asked for."""
    return situation_of(
        base=job.base_model,
        file=job.training_file,
        has_validation_file=job.validation_file is not None,
        validation_file=job.validation_file,
        devices=devices,
        system_prompt=job.asked.get("system_prompt"),
    )


def _rows_of(file: TrainingFile | None, device_kind: str) -> int:
    """Return how many rows a training sees: of one long text about as many as it has windows."""
    if file is None or file.num_rows is None:
        return UNKNOWN_ROWS
    if file.use == "text" and file.format == "text":
        return max(1, round(file.statistics.get("row_bytes", 0) / BYTES_PER_TOKEN / longest_automatic(device_kind)))
    return int(file.num_rows)


def _goal_of(file: TrainingFile | None) -> str:
    if file is None:
        return ""
    return "text" if file.use == "text" else str(file.recipe.get("name", ""))


def _by_recipe(file: TrainingFile | None) -> Mapping[str, Any]:
    recipe = RECIPES.get(_goal_of(file))
    return recipe.values if recipe is not None else {}


def own_system_prompt(base: BaseModel) -> tuple[str | None, bool]:
    """Return the system prompt that the model's template slips in, if any, and whether it can be taken out."""
    if not base.is_present:
        return None, True
    return _own_system_prompt(base.pk, base.sha256)


@functools.lru_cache(maxsize=64)
def _own_system_prompt(base_id: str, sha256: str) -> tuple[str | None, bool]:
    # By the weights' identity: a model that was replaced is looked at again.
    base = BaseModel.objects.get(pk=base_id)
    own = chat_format(base, SystemChoice("model_default")).own_system_prompt
    if own is None:
        return None, True
    try:
        chat_format(base, SystemChoice("none"))
    except ChatError:
        return own, False
    return own, True
