"""Brings what an attempt makes to object storage: checkpoints while it trains, its log and its events."""

import logging
import time
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from common import artifacts
from common.storage_errors import STORAGE_AWAY
from compute.work import trouble
from jobs.models import Attempt, Checkpoint, FineTuningJob
from rundir import ManifestError, RunDirectory, verify_manifest

logger = logging.getLogger(__name__)

LOG_SECONDS = 10
"""A growing log is copied at most so often."""


def publish_checkpoints(attempt: Attempt, directory: RunDirectory) -> None:
    """Publish every checkpoint of `attempt` that storage lacks; TryAgain when it is away, WorkError when it refuses.

    The trainer keeps only its newest ones, so a folder may vanish in the meantime: it is then left out.
    """
    for checkpoint in _unpublished(attempt, directory):
        folder = directory.checkpoint(checkpoint.step)
        name = f"{attempt.job.storage_name}/checkpoints/step-{checkpoint.step}"
        try:
            verify_manifest(folder)
            num_bytes = artifacts.publish_folder(folder, name)
        except (ManifestError, FileNotFoundError):
            _drop_if_gone(checkpoint, folder)
        except STORAGE_AWAY as error:
            if not folder.is_dir():
                _drop_if_gone(checkpoint, folder)
                continue
            raise trouble(f"Object storage did not take {name}", error) from error
        else:
            if checkpoint.mark_published(name=name, num_bytes=num_bytes, at=timezone.now()):
                drop_old_checkpoints(attempt.job)
            elif not Checkpoint.objects.filter(job=attempt.job_id, step=checkpoint.step).exists():
                _take_back(name)


def _take_back(name: str) -> None:
    """Delete what came to storage after it was deleted there, as by a node that had been given up."""
    try:
        artifacts.delete_folder(name)
    except STORAGE_AWAY as error:
        logger.error("%s was deleted while it was published, and what came after stays in storage: %s", name, error)


def _unpublished(attempt: Attempt, directory: RunDirectory) -> list[Checkpoint]:
    """Return what `attempt` has made and what it took over from a lost one, whose files it continues from."""
    waiting = Checkpoint.objects.filter(job=attempt.job_id, published_at=None).order_by("step")
    taken_over = waiting.filter(attempt__number__lt=attempt.number, step__lte=attempt.resumed_from_step or 0)
    here = [checkpoint for checkpoint in taken_over if directory.checkpoint(checkpoint.step).is_dir()]
    return [*here, *waiting.filter(attempt=attempt)]


def drop_old_checkpoints(job: FineTuningJob) -> None:
    """Delete published checkpoints beyond the newest `save_total_limit`, but that of the lowest validation loss.

    TryAgain when storage is away: the checkpoint is then still listed, and goes with the next one that is published.
    """
    limit = job.hyperparameters.get("save_total_limit") or 0
    if not limit:
        return
    best = job.best_checkpoint
    for checkpoint in job.checkpoints.exclude(published_at=None).order_by("-step")[limit:]:
        if checkpoint == best:
            continue
        try:
            artifacts.delete_folder(checkpoint.storage_name)
        except STORAGE_AWAY as error:
            raise trouble(f"Object storage did not delete {checkpoint.storage_name}", error) from error
        checkpoint.delete()


def _drop_if_gone(checkpoint: Checkpoint, folder: Path) -> None:
    """Forget a checkpoint that is no longer available: its folder is gone, or damaged."""
    logger.info("%s was not published: its folder %s", checkpoint, "is damaged" if folder.is_dir() else "is gone")
    checkpoint.delete()


class LogCopies:
    """Copies log.txt and events.jsonl to storage when they have grown, now and then and at the end."""

    def __init__(self) -> None:
        self._copied: dict[str, tuple[float, dict[str, int]]] = {}

    def publish(self, attempt: Attempt, directory: RunDirectory, *, is_last: bool) -> None:
        """Copy what has grown; TryAgain when storage is away."""
        sizes = {path.name: path.stat().st_size for path in _logs(directory)}
        copied_at, copied = self._copied.get(attempt.run_id, (float("-inf"), {}))
        due = time.monotonic() - copied_at >= min(LOG_SECONDS, settings.TIMES.lease_renew_seconds)
        if sizes == copied or not (due or is_last):
            return
        for path in _logs(directory):
            if copied.get(path.name) == sizes.get(path.name):  # they only grow
                continue
            try:
                artifacts.publish_file(path, f"{log_folder(attempt)}/{path.name}")
            except STORAGE_AWAY as error:
                raise trouble(f"Object storage did not take {path.name}", error) from error
        self._copied[attempt.run_id] = (time.monotonic(), sizes)

    def forget(self, run_id: str) -> None:
        self._copied.pop(run_id, None)


def log_folder(attempt: Attempt) -> str:
    """Return where the attempt's log is stored."""
    return f"{attempt.job.storage_name}/attempts/{attempt.number}"


def _logs(directory: RunDirectory) -> list[Path]:
    return [path for path in (directory.log, directory.events, directory.metrics) if path.is_file()]
