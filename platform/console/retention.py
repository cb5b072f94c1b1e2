"""What is deleted automatically, and when: every rule in one place, its days in settings.KEEP_DAYS (0: never).

Nothing is deleted that a live Run uses, or that a job which has not ended needs to continue: such a job keeps its run
directories, and every token cache used since the oldest such job was made. What goes can be made or fetched again, or
is of no more use: token caches are built anew from the file, tuned models come from object storage.
"""

import logging
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, Min, OuterRef
from django.utils import timezone

from accounts import audit, links
from batches.services import forget as forget_batches
from common import artifacts
from common.folders import folders_in, remove_whole
from common.storage_errors import STORAGE_AWAY
from compute.models import Maintenance, Run
from compute.node.disk import note_disk
from deployments.models import Replica, ReplicaAdapter
from deployments.usage import fold_requests, folded
from jobs.models import FINISHED, Attempt, Checkpoint, FineTuningJob, JobEvent, TunedModel
from ledger.retention import forget
from notifications.services import forget as forget_notices
from playground.services import forget as forget_shares
from rundir.manifest import NAME as MANIFEST
from webhooks.services import forget as forget_deliveries

logger = logging.getLogger(__name__)

DRAFT_SECONDS = 24 * 3600
"""A half-written folder this old is no longer in use."""
AT_ONCE = 100
"""Jobs whose events go in one round."""


def sweep_home() -> None:
    """Delete what this machine's home need not keep, and measure what is left."""
    home = Path(settings.LUTHIER_HOME)
    sweep_tokens(home / "tokens")
    sweep_runs(home / "runs")
    sweep_adapters(home / "adapters")
    for folder in ("tokens", "adapters"):
        _sweep_drafts(home / folder)
    note_disk()


def sweep_database() -> None:
    """Delete rows that are older than their rule says, and sessions that are over."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    links.forget_links()
    fold_requests()
    Maintenance.objects.filter(ends_at__lt=timezone.now()).delete()
    if before := _before("usage"):
        folded().filter(at__lt=before).delete()
    if before := _before("ledger"):
        forget(before)
    if before := _before("audit"):
        audit.forget(before)
    if before := _before("shares"):
        forget_shares(before)
    if before := _before("batches"):
        forget_batches(before)
    if before := _before("deliveries"):
        forget_deliveries(before)
        forget_notices(before)
    if before := _before("events"):
        old = FineTuningJob.objects.filter(status__in=FINISHED, finished_at__lt=before)
        told = old.filter(Exists(JobEvent.objects.filter(job=OuterRef("pk"))))
        JobEvent.objects.filter(job__in=list(told.values_list("pk", flat=True)[:AT_ONCE])).delete()


def sweep_tokens(folder: Path) -> None:
    """Delete the token caches that no training has used for so long; summary.json bears the time of the last use."""
    before = _before("tokens")
    if before is None:
        return
    oldest = FineTuningJob.objects.unfinished().aggregate(at=Min("created_at"))["at"]
    until = min(before, oldest or before).timestamp()
    for cache in folders_in(folder):
        if _mtime(cache / "summary.json", default=until) < until:
            remove_whole(cache)


def sweep_runs(folder: Path) -> None:
    """Delete the directories of Runs that ended so long ago; logs stay in object storage."""
    before = _before("runs")
    if before is None:
        return
    here = {path.name: path for path in folders_in(folder)}
    attempts = Attempt.objects.filter(run=OuterRef("pk"))
    needed = attempts.exclude(job__status__in=FINISHED) | attempts.filter(closed_at=None)
    over = Run.objects.filter(pk__in=here, state=Run.State.ENDED, ended_at__lt=before).exclude(Exists(needed))
    for run_id in over.values_list("pk", flat=True):
        if _has_its_log_elsewhere(run_id, here[run_id]):
            remove_whole(here[run_id])


def sweep_adapters(folder: Path) -> None:
    """Delete copies of tuned models that have not been served from here for so long, if object storage has them."""
    before = _before("adapters")
    if before is None:
        return
    here = {path.name: path for path in folders_in(folder)}
    live = Replica.objects.live()
    served = ReplicaAdapter.objects.filter(replica__in=live).exclude(adapter=None).values("adapter_id")
    whole = live.exclude(full_model=None).values("full_model_id")
    models = TunedModel.objects.live().filter(pk__in=here).exclude(pk__in=served).exclude(pk__in=whole)
    loaded = ReplicaAdapter.objects.filter(replica__in=live).exclude(checkpoint=None).values("checkpoint_id")
    steps = {name.partition(".")[2]: name for name in here if "." in name}
    checkpoints = Checkpoint.objects.filter(pk__in=steps).exclude(published_at=None).exclude(pk__in=loaded)
    unused = [(here[model.pk], model.storage_name) for model in models]
    unused += [(here[steps[one.pk]], one.storage_name) for one in checkpoints]
    for copy, stored in unused:
        is_old = _mtime(copy / MANIFEST, default=before.timestamp()) < before.timestamp()
        if is_old and _is_stored(f"{stored}/{MANIFEST}"):
            remove_whole(copy)


def _before(kind: str) -> datetime | None:
    """Return the moment before which things of this kind go; None: they stay."""
    days = settings.KEEP_DAYS[kind]
    return timezone.now() - timedelta(days=days) if days else None


def _has_its_log_elsewhere(run_id: str, folder: Path) -> bool:
    attempt = Attempt.objects.select_related("job").filter(run_id=run_id).first()
    if attempt is None or not (folder / "log.txt").exists():
        return True
    return _is_stored(f"{attempt.job.storage_name}/attempts/{attempt.number}/log.txt")


def _is_stored(name: str) -> bool:
    try:
        return artifacts.storage().exists(name)
    except STORAGE_AWAY as error:
        logger.info("Object storage did not tell of %s, so that its copy stays: %s", name, error)
        return False


def _sweep_drafts(folder: Path) -> None:
    for path in folder.glob(".*"):
        if path.is_dir() and _mtime(path, default=time.time()) < time.time() - DRAFT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _mtime(path: Path, *, default: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return default
