"""The side thread of a supervisor: slow work, such as uploads, beside the tailing of events."""

import logging
import threading

from django.conf import settings
from django.db import connection

from common.log_lines import about
from compute.models import Run
from compute.node.hold import DATABASE_AWAY
from compute.work import TryAgain, Work
from rundir import RunDirectory

logger = logging.getLogger(__name__)


class Attendance(threading.Thread):
    """Calls `work.attend` again and again until it is ended; a failure is logged and tried again."""

    def __init__(self, work: Work, run_id: str, directory: RunDirectory) -> None:
        super().__init__(name=f"attend-{run_id}", daemon=True)
        self._work = work
        self._run_id = run_id
        self._directory = directory
        self._ended = threading.Event()

    def end(self) -> None:
        """Let the call in progress be the last; does not wait for it."""
        self._ended.set()

    def run(self) -> None:
        with about(run=self._run_id):
            self._attend()

    def _attend(self) -> None:
        while not self._ended.wait(2 * settings.TIMES.tail_seconds):
            try:
                self._work.attend(Run.objects.get(pk=self._run_id), self._directory)
            except (TryAgain, *DATABASE_AWAY) as error:
                logger.warning("Side work of %s is tried again: %s", self._run_id, error)
                connection.close()
            except Exception:
                logger.exception("Side work of %s failed and is tried again", self._run_id)
                connection.close()
        connection.close()
