"""Checks a stored file and records the verdict, its first faults while it still reads."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

from django.core.files import File
from django.db import transaction

from common.texts import storable
from datasets_app import hooks
from datasets_app.checking.fault_list import FaultListWriter
from datasets_app.checking.one_pass import check_file_content
from datasets_app.checking.report import MOST_FAULTS, Report
from datasets_app.formats.base import RowFault
from datasets_app.messages import message
from datasets_app.models import HEARTBEAT_SECONDS, Fault, TrainingFile
from datasets_app.shapes.examples import Example
from datasets_app.storage import store
from datasets_app.storage.counting import TRAINING
from datasets_app.storage.node_files import rows_folder
from wording import Message

logger = logging.getLogger(__name__)

MOST_CHECKS = 3
"""How often the check of one file is started: what ends its process every time must be the file."""
EARLY_SECONDS = 0.5
"""How often, during a check, the faults found so far are written to the database."""


def check_file(file_id: str) -> None:
    """Check a file that waits for it; does nothing when it is gone, checked, or another worker is at it."""
    file = TrainingFile.objects.filter(pk=file_id).first()
    if file is None or not file.claim():
        return
    if file.purpose != TRAINING:
        file.record_check(is_good=True, details=None)  # whoever asks its requests reads them
        return
    if file.num_checks > MOST_CHECKS:
        give_up(file)
        return
    folder = rows_folder(file.pk)
    teller = _Teller(file, folder)
    try:
        Fault.objects.filter(file=file).delete()  # of a check that was broken off
        with store.open_content(file) as stream, teller:
            report = check_file_content(
                stream, filename=file.filename, reading=file.reading, listener=teller, index_folder=folder
            )
    except Exception:
        # Storage or the database is away: the reconciler asks again once the heartbeat is old.
        logger.exception("The check of %s broke off.", file.id)
        shutil.rmtree(folder, ignore_errors=True)
        file.uncount_check()
        raise
    record_report(file, report, teller)


def give_up(file: TrainingFile) -> None:
    """Record that the check's process ended each time without a verdict: the file would take the next one with it."""
    fault = RowFault(
        line=None,
        kind="check_failed",
        message=message("check_failed", times=MOST_CHECKS),
        hint=message("split_or_save_otherwise"),
    )
    report = Report()
    report.add_fault(fault)
    folder = rows_folder(file.pk)
    shutil.rmtree(folder, ignore_errors=True)
    with _Teller(file, folder) as teller:
        teller.found(fault)
    logger.error("The check of %s ended %s times without a result; it is not tried again.", file.id, MOST_CHECKS)
    record_report(file, report, teller)


def record_report(file: TrainingFile, report: Report, teller: "_Teller") -> None:
    """Store the verdict with the faults that are not stored yet, all or nothing."""
    kept = [*report.faults, *report.notes]
    fault_list = _publish_faults(file, teller, report)
    with transaction.atomic():
        recorded = file.record_check(
            is_good=report.is_good,
            details=_storable(report.details),
            format=report.format,
            shape=report.shape,
            use=report.use,
            num_rows=report.num_rows,
            num_faults=report.num_faults,
            statistics={**report.statistics, "num_notes": report.num_notes, "fault_list": fault_list},
            progress={},
        )
        if recorded:
            Fault.objects.filter(file=file).delete()
            Fault.objects.bulk_create(as_row(file, number, fault) for number, fault in enumerate(kept, 1))
            hooks.notify_processed(file)
    if not recorded and fault_list and not TrainingFile.objects.filter(pk=file.pk).exists():
        store.remove(fault_list["name"])


def as_row(file: TrainingFile, number: int, fault: RowFault) -> Fault:
    """Return the fault as it is stored."""
    return Fault(
        file=file,
        number=number,
        level=fault.level,
        line=fault.line,
        field=storable(fault.field)[:300],
        kind=fault.kind,
        message=_storable(fault.message),
        hint=_storable(fault.hint),
    )


def _publish_faults(file: TrainingFile, teller: "_Teller", report: Report) -> dict[str, Any]:
    """Keep the whole list of faults beside the file where the database's first ones are not all."""
    total = report.num_faults + report.num_notes
    if total <= len(report.faults) + len(report.notes):
        return {}
    name = store.fault_list_name(file)
    store.storage().delete(name)  # of a check that was broken off
    name = store.storage().save(name, File(teller.faults.opened()))
    return {"name": name, "total": total, "offsets": teller.faults.offsets}


class _Teller:
    """Takes what the check finds: signs of life and early faults to the database, every fault to a list on disk."""

    def __init__(self, file: TrainingFile, folder: Path) -> None:
        self._file = file
        self._early: list[RowFault] = []
        self._num_told = 0
        self._told_at = self._beaten_at = time.monotonic()
        self.faults = FaultListWriter(folder / "faults.jsonl")

    def __enter__(self) -> "_Teller":
        return self

    def __exit__(self, *args: object) -> None:
        self.faults.close()

    def found(self, fault: RowFault) -> None:
        self.faults.add(fault)
        if self._num_told + len(self._early) < MOST_FAULTS:
            self._early.append(fault)

    def row(self, item: Example | RowFault) -> None:
        return

    def alive(self, report: Report) -> None:
        now = time.monotonic()
        if now - self._told_at > EARLY_SECONDS:
            self._told_at = now
            self._tell(report)
        if now - self._beaten_at > HEARTBEAT_SECONDS / 4:
            self._beaten_at = now
            self._file.beat()

    def _tell(self, report: Report) -> None:
        fresh = [as_row(self._file, self._num_told + n, fault) for n, fault in enumerate(self._early, 1)]
        Fault.objects.bulk_create(fresh, ignore_conflicts=True)
        self._num_told += len(fresh)
        self._early.clear()
        progress = {"bytes": report.bytes_read, "rows": report.num_rows, "faults": report.num_faults}
        self._file.save_progress(progress)


def _storable(said: Message | None) -> Message | None:
    """Return the message with its parameters as the database takes them."""
    return Message.restored(storable(said.stored())) if said is not None else None
