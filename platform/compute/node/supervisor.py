"""The supervisor of one Run: starts its process tree or finds it again, listens to it, and ends what must end."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from common import tracing
from common.errors import INTERNAL
from common.texts import without_folders_inside
from compute.messages import message
from compute.models import Decided, NotHeld, Run
from compute.node.attendance import Attendance
from compute.node.devices import boot_id
from compute.node.hold import DATABASE_AWAY, STOPPING, Hold, LetGo
from compute.node.launcher import Handle, LocalLauncher
from compute.wakes import wake_scheduler
from compute.work import TryAgain, Work, WorkError, work_for
from rundir import Event, EventReader, RunDirectory
from wording import Message, as_written

logger = logging.getLogger(__name__)

BATCH = 500
"""Events stored in one transaction."""
MOST_FAILURES = 5
"""Unforeseen failures in a row after which a step is given up."""
LONGEST_BACKOFF = 30
"""The longest pause between retries of a step, in multiples of `lease_retry_seconds`."""


class Supervisor:
    """Looks after one Run from its devices to its end, or until the worker stops or another supervisor holds it."""

    def __init__(self, run_id: str, holder: str, *, stopping: threading.Event = STOPPING) -> None:
        self.run_id = run_id
        self._holder = holder
        self._stopping = stopping
        self._launcher = LocalLauncher()
        self._kill_at: float | None = None
        self._offset = -1
        self._attendance: Attendance | None = None
        self._hold: Hold

    def run(self) -> None:
        """Supervise; returns when the Run has ended, is held by another supervisor, or the worker is stopping."""
        if self._stopping.is_set():
            return  # a wake-up that came late; the next worker looks at every live Run
        try:
            hold = Hold.take(self.run_id, holder=self._holder, stopping=self._stopping)
        except DATABASE_AWAY as error:
            logger.warning("%s could not be taken, the reconciler wakes it again: %s", self.run_id, error)
            return
        if hold is None:
            return
        self._hold = hold
        try:
            with hold:
                self._supervise()
        except LetGo:
            logger.info("%s is left to the next worker", self.run_id)
        except NotHeld as error:
            logger.info("%s", error)
        finally:
            if self._attendance is not None:
                self._attendance.end()

    def _supervise(self) -> None:
        run = self._row()
        if run.state == Run.State.STARTING and run.launcher is None:
            with _span("start run", run):
                self._begin(self._directory())
            run = self._row()
        if run.state in (Run.State.STARTING, Run.State.RUNNING):
            with _span("watch run", run):
                self._watch(run, self._directory())
        with _span("conclude run", run):
            self._conclude()

    # Beginning

    def _begin(self, directory: RunDirectory) -> None:
        """Prepare and start the tree, or decide why there is none: its accelerators are held in the meantime."""
        begun_at = time.monotonic()
        delay = settings.TIMES.lease_retry_seconds
        while True:
            try:
                self._prepare_and_start(directory)
                return
            except TryAgain as error:
                if time.monotonic() - begun_at >= settings.TIMES.storage_away_seconds:
                    logger.error("Preparing %s is given up: %s", self.run_id, error)
                    self._decide(outcome=Run.Outcome.LOST, code="away_too_long", said=message("away_too_long"))
                    return
                logger.info("Preparing %s is tried again: %s", self.run_id, error)
            except WorkError as error:
                self._decide(outcome=Run.Outcome.FAILED, code=error.code, said=error.message)
                return
            except (LetGo, NotHeld, *DATABASE_AWAY):
                raise
            except Exception:
                logger.exception("Preparing %s failed", self.run_id)
                self._decide(outcome=Run.Outcome.FAILED, code=INTERNAL.code, said=INTERNAL)
                return
            self._hold.wait(delay)
            delay = _longer(delay)

    def _prepare_and_start(self, directory: RunDirectory) -> None:
        run = self._row()
        if self._ends_unstarted(run):
            return
        work = work_for(run.kind)
        self._hold.patiently(lambda: work.prepare(run, directory))
        run = self._row()
        if not self._ends_unstarted(run):
            self._start(run, work, directory)

    def _ends_unstarted(self, run: Run) -> bool:
        """End a Run that was asked to stop before its tree was started."""
        if run.stop_requested_at is None:
            return False
        self._decide(outcome=Run.Outcome.STOPPED, code="not_started", said=None)
        return True

    def _start(self, run: Run, work: Work, directory: RunDirectory) -> None:
        """Start the tree behind its gate, store its handle under the guard, then open the gate."""
        command = work.command(run, directory)
        spawned = self._launcher.start(command, run.devices(), directory)
        try:
            self._hold.patiently(
                lambda: run.move(
                    Run.State.RUNNING, fencing=self._hold.fencing, launcher=spawned.handle, computed_at=Now()
                )
            )
        except BaseException:
            spawned.abandon()
            raise
        spawned.release()

    # Watching

    def _watch(self, run: Run, directory: RunDirectory) -> None:
        """Listen to the tree until it is gone, then free its devices."""
        handle = cast(Handle, run.launcher or {})
        work = work_for(run.kind)
        self._attendance = Attendance(work, run.pk, directory)
        self._attendance.start()
        failure = self._listen(work, handle, directory)
        self._attendance.end()
        while not self._launcher.kill(handle):
            self._hold.wait(settings.TIMES.lease_retry_seconds)
        if failure is None:
            failure = self._take_the_rest(work, directory)
        if failure is not None:
            self._decide(outcome=Run.Outcome.FAILED, code=failure.code, said=failure)
        else:
            self._decide_by_death(handle)
        self._launcher.forget(handle)

    def _listen(self, work: Work, handle: Handle, directory: RunDirectory) -> Message | None:
        """Record events and obey stop requests while the tree lives; returns a message when recording is hopeless."""
        num_failures = 0
        while self._launcher.alive(handle):
            try:
                num_events = self._hold.patiently(lambda: self._record(work, directory))
                num_failures = 0
            except (LetGo, NotHeld):
                raise
            except Exception:
                logger.exception("Recording the events of %s failed", self.run_id)
                num_events = 0
                num_failures += 1
                if num_failures == MOST_FAILURES:
                    return INTERNAL
            self._obey(handle)
            if num_events < BATCH:
                self._hold.wait(settings.TIMES.tail_seconds)
        return None

    def _take_the_rest(self, work: Work, directory: RunDirectory) -> Message | None:
        """Record what the tree wrote last."""
        try:
            while self._hold.patiently(lambda: self._record(work, directory)):
                continue
        except (LetGo, NotHeld):
            raise
        except Exception:
            logger.exception("Recording the last events of %s failed", self.run_id)
            return INTERNAL
        return None

    def _record(self, work: Work, directory: RunDirectory) -> int:
        """Store one batch of events and the byte offset behind it in one transaction; returns the batch's size."""
        if not self._has_news(directory):
            return 0
        with transaction.atomic():
            run = self._hold.row()
            reader = EventReader(directory.events, run.event_offset)
            events = reader.read(BATCH)
            fresh = [event for event in events if event.seq > run.last_seq]
            if fresh:
                work.record(run, fresh)
            # The Run's row is locked last: a request to stop locks the app's own row first and this one after it.
            if events:
                last_seq = max(run.last_seq, events[-1].seq)
                outcome = _outcome_of(fresh) if not run.outcome else {}
                self._hold.write(event_offset=reader.offset, last_seq=last_seq, computed_at=Now(), **outcome)
        self._offset = reader.offset
        return len(events)

    def _has_news(self, directory: RunDirectory) -> bool:
        """Look at the file's size first: most looks find nothing, and need no transaction."""
        try:
            return directory.events.stat().st_size > self._offset
        except FileNotFoundError:
            return False

    def _obey(self, handle: Handle) -> None:
        """Pass a stop request on to the tree, and kill a tree that does not end in its time."""
        run = self._row()
        if run.stop_requested_at is None and not run.outcome:
            return
        if self._kill_at is None:
            self._kill_at = time.monotonic() + settings.TIMES.stop_grace_seconds
            if not run.outcome:
                self._launcher.terminate(handle)
        elif time.monotonic() >= self._kill_at:
            logger.warning("%s did not stop in time and is killed", self.run_id)
            self._launcher.kill(handle)

    def _decide_by_death(self, handle: Handle) -> None:
        """Decide the outcome of a tree that is gone: its terminal event's, else stopped if asked to, else lost."""
        run = self._row()
        if run.outcome:
            self._decide(outcome=run.outcome, code=run.outcome_code, said=run.outcome_message)
        elif run.stop_requested_at is not None:
            self._decide(outcome=Run.Outcome.STOPPED, code="killed", said=None)
        elif handle["boot_id"] != boot_id():
            self._decide(outcome=Run.Outcome.LOST, code="host_restarted", said=message("host_restarted"))
        else:
            death = self._launcher.death(handle)
            self._decide(outcome=Run.Outcome.LOST, code=death.code, said=death.message)

    # Ending

    def _decide(self, *, outcome: str, code: str, said: Message | None) -> None:
        """Free the devices and write the outcome, in one transaction."""

        def write() -> None:
            with transaction.atomic():
                run = self._hold.row()
                run.move(
                    Run.State.CONCLUDING,
                    fencing=self._hold.fencing,
                    outcome=outcome,
                    outcome_code=code,
                    outcome_message=said and Message.restored(without_folders_inside(said.stored())),
                )
                wake_scheduler()

        self._hold.patiently(write)

    def _conclude(self) -> None:
        """Let the work conclude the Run, however many tries that takes, and end it."""
        run = self._row()
        directory = self._hold.directory or run.directory
        try:
            work = work_for(run.kind)
        except WorkError:
            logger.exception("%s ends without consequences", run)
        else:
            self._wait_for_attendance()
            if self._hold.directory is not None:
                self._clear_up(run, work, directory)
                self._insist("attend", lambda: work.attend(run, directory), most_failures=MOST_FAILURES)
            self._insist("conclude", lambda: work.conclude(run, directory, run.outcome))
        end = {"ended_at": Now(), "holder": "", "lease_until": None}
        self._hold.patiently(lambda: run.move(Run.State.ENDED, fencing=self._hold.fencing, **end))

    def _clear_up(self, run: Run, work: Work, directory: RunDirectory) -> None:
        """End and record what a Run has left here that was given up from afar; nothing is left of any other."""
        if run.launcher:
            self._launcher.kill(run.launcher)
            self._take_the_rest(work, directory)

    def _wait_for_attendance(self) -> None:
        while self._attendance is not None and self._attendance.is_alive():
            self._hold.wait(settings.TIMES.tail_seconds)

    def _insist(self, step: str, action: Callable[[], None], *, most_failures: int | None = None) -> None:
        """Do `action` until it succeeds; with `most_failures` it is given up after that many unforeseen failures."""
        delay = settings.TIMES.lease_retry_seconds
        num_failures = 0
        while num_failures != most_failures:
            self._row()
            try:
                self._hold.patiently(action)
                return
            except TryAgain as error:
                logger.info("%s of %s is tried again: %s", step, self.run_id, error)
            except (LetGo, NotHeld):
                raise
            except Exception:
                logger.exception("%s of %s failed and is tried again", step, self.run_id)
                num_failures += 1
            self._hold.wait(delay)
            delay = _longer(delay)

    def _row(self) -> Run:
        return self._hold.patiently(self._hold.row)

    def _directory(self) -> RunDirectory:
        if self._hold.directory is None:
            raise NotHeld(f"{self.run_id} belongs to another node.")
        return self._hold.directory


def _span(name: str, run: Run) -> AbstractContextManager[None]:
    """Return what shows this part of the Run in the trace of whoever asked for it."""
    return tracing.span(name, parent=run.trace, luthier__run_kind=run.kind)


def _outcome_of(events: list[Event]) -> Decided:
    """Return what the first terminal event says of the Run's outcome; nothing when there is none."""
    terminal = next((event for event in events if event.is_terminal), None)
    if terminal is None:
        return {}
    code = terminal.data.get("code") or terminal.data.get("reason") or ""
    said = terminal.message or (as_written(text) if (text := terminal.data.get("message")) else None)
    return {"outcome": terminal.type, "outcome_code": str(code)[:60], "outcome_message": said}


def _longer(delay: float) -> float:
    return min(2 * delay, LONGEST_BACKOFF * settings.TIMES.lease_retry_seconds)
