"""Removes what a deleted tuned model leaves behind: its weights and checkpoints, in object storage and on every node.

Its record, its job's logs, events and metrics.csv stay. Each round may be repeated at any time, and what storage does
not let go now goes with a later one.
"""

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.db.models import Q

from common import artifacts
from common.storage_errors import STORAGE_AWAY, refusal_of
from datasets_app.services import delete_file
from jobs.models import FINISHED, Attempt, TunedModel
from jobs.training.concluding import tidy
from rundir import RunDirectory

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Models erased in one round."""
ADAPTER_ID = re.compile(r"adapter-[A-Za-z0-9]+")
METRICS = "metrics.csv"


def erase_stored() -> None:
    """Delete from object storage what it still has of deleted models."""
    # In any order: one that storage keeps for ever must not stand before all others.
    for adapter in TunedModel.objects.unerased().select_related("job").order_by("?")[:AT_ONCE]:
        try:
            _erase(adapter)
        except STORAGE_AWAY as error:
            logger.warning("Object storage still has what %s left, which is tried again: %s", adapter.name, error)
            if not refusal_of(error):
                return  # it is away: the next model would only wait for it as well


def erase_here(home: Path) -> None:
    """Delete what this machine's home has of deleted models, copies and trainings' folders, and of deleted data."""
    _erase_copies(home / "adapters")
    runs = {path.name: path for path in _entries(home / "runs")}
    attempts = Attempt.objects.filter(run__in=runs)
    for run_id in attempts.filter(job__adapter__deleted_at__isnull=False).values_list("run_id", flat=True):
        tidy(runs[run_id])
    no_validation = Q(job__validation_file=None) & ~Q(job__file_ids__validation=None)
    without_data = attempts.filter(Q(job__training_file=None) | no_validation, job__status__in=FINISHED)
    for run_id in without_data.values_list("run_id", flat=True):
        shutil.rmtree(RunDirectory(runs[run_id]).data, ignore_errors=True)


def _erase(adapter: TunedModel) -> None:
    job = adapter.job
    # All that a job makes but its metrics: made by a worker, it may have come after the model was deleted.
    for file in job.result_files.exclude(filename=METRICS):
        delete_file(file=file, by=None)
    for folder in (adapter.storage_name, f"{job.storage_name}/checkpoints"):
        artifacts.delete_folder(folder)
    job.checkpoints.all().delete()
    adapter.mark_erased()
    logger.info("What %s left in object storage is gone", adapter.name)


def _erase_copies(folder: Path) -> None:
    """Delete whole copies, and drafts of those that are on their way."""
    here = [(match[0], path) for path in _entries(folder) if (match := ADAPTER_ID.search(path.name))]
    ids = {adapter_id for adapter_id, _ in here}
    deleted = set(TunedModel.objects.filter(pk__in=ids).deleted().values_list("pk", flat=True))
    for adapter_id, path in here:
        if adapter_id in deleted:
            shutil.rmtree(path, ignore_errors=True)


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_dir())
