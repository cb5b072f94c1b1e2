"""Checks a stored file and records the verdict."""

import logging
import time
from collections.abc import Callable

from django.db import transaction

from datasets_app import hooks, storing
from datasets_app.formats import RowFault
from datasets_app.models import HEARTBEAT_SECONDS, Fault, TrainingFile
from datasets_app.validation import Report, check

logger = logging.getLogger(__name__)


def check_file(file_id: str) -> None:
    """Check a file that waits for it; does nothing when it is gone, checked, or another worker is at it."""
    file = TrainingFile.objects.filter(pk=file_id).first()
    if file is None or not file.claim():
        return
    try:
        with storing.open_content(file) as stream:
            report = check(stream, filename=file.filename, alive=_beating(file))
    except Exception:
        # Storage or the database is away: the reconciler asks again once the heartbeat is old.
        logger.exception("The check of %s broke off.", file.id)
        raise
    record_report(file, report)


def record_report(file: TrainingFile, report: Report) -> None:
    """Store the verdict with the first faults, all or nothing."""
    with transaction.atomic():
        recorded = file.record_check(
            is_good=report.is_good,
            details=_storable(report.details),
            format=report.format,
            num_rows=report.num_rows,
            num_faults=report.num_faults,
            statistics=report.statistics,
        )
        if recorded:
            Fault.objects.bulk_create(_fault(file, number, fault) for number, fault in enumerate(report.faults, 1))
            hooks.tell_processed(file)


def _fault(file: TrainingFile, number: int, fault: RowFault) -> Fault:
    return Fault(
        file=file,
        number=number,
        line=fault.line,
        field=_storable(fault.field)[:300],
        code=fault.code,
        message=_storable(fault.message),
        hint=_storable(fault.hint),
    )


def _storable(text: str) -> str:
    """Return `text` as PostgreSQL takes it: no NUL, no half characters."""
    return text.replace("\0", "�").encode("utf-8", "backslashreplace").decode()


def _beating(file: TrainingFile) -> Callable[[], None]:
    last = time.monotonic()

    def alive() -> None:
        nonlocal last
        if time.monotonic() - last > HEARTBEAT_SECONDS / 4:
            file.beat()
            last = time.monotonic()

    return alive
