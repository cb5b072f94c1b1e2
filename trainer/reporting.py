"""What a run reports: events for programs, lines for people, metrics.csv for spreadsheets. Rank 0 alone reports."""

import csv
import io
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from rundir import EventWriter, RunDirectory, write_atomically
from rundir.events import TERMINAL_TYPES, Level
from trainer.failures import Failure
from wording import Message

COLUMNS = ("step", "train_loss", "learning_rate", "tokens", "seconds")


class Reporter:
    """Writes events and prints each one's sentence; on other ranks than the first it only remembers the step."""

    def __init__(self, directory: RunDirectory, *, speaks: bool) -> None:
        self._directory = directory
        self._events = EventWriter(directory.events) if speaks else None
        self.step = 0
        """Optimizer steps done so far, for the sentence of a failure."""
        self._has_started = False
        self._held: list[Message] = []
        """Warnings from before the first event: `started` is the first, unless the run ends before it."""

    def event(self, type: str, message: Message, *, level: Level = "info", **data: Any) -> None:
        if self._events is None:
            return
        if not self._has_started and type in TERMINAL_TYPES:
            self._say_held()  # nothing may come behind the last event
        self._events.write(type, message, level=level, **data)
        self._print(message)
        if not self._has_started:
            self._say_held()

    def _say_held(self) -> None:
        self._has_started = True
        held, self._held = self._held, []
        for message in held:
            self.event("warning", message, level="warn")

    def stage(self, message: Message) -> None:
        """Say what is being done; before `started`, which must be the first event, only in the log."""
        if self._has_started:
            self.event("stage", message)
        elif self._events is not None:
            self._print(message)

    def _print(self, message: Message) -> None:
        print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)

    def warn(self, message: Message) -> None:
        if self._has_started:
            self.event("warning", message, level="warn")
        else:
            self._held.append(message)

    def failed(self, failure: Failure, error: BaseException) -> None:
        """Write the terminal event; the traceback goes to the log alone."""
        self.log_traceback(error)
        self.event("failed", failure.message, level="error", code=failure.code)

    def log_traceback(self, error: BaseException) -> None:
        """Write to the log alone where `error` came from."""
        text = "".join(traceback.format_exception(error))
        sys.stderr.write(text)
        sys.stderr.flush()
        if not _is_same_file(sys.stderr.fileno(), self._directory.log):
            with self._directory.log.open("a") as stream:
                stream.write(text)


class MetricsFile:
    """metrics.csv: one unrounded row for every optimizer step of the whole job, across attempts."""

    def __init__(self, path: Path, earlier: Path | None, *, resumed_from_step: int) -> None:
        """Begin with the rows of `earlier` (the checkpoint's copy) up to its step."""
        self._path = path
        rows = list(csv.reader(earlier.open(newline=""))) if earlier is not None and earlier.is_file() else []
        kept = [row for row in rows[1:] if row and int(row[0]) <= resumed_from_step]
        write_atomically(path, "".join(map(_line, [COLUMNS, *kept])).encode())

    def append(self, step: int, train_loss: float, learning_rate: float, tokens: int, seconds: float) -> None:
        with self._path.open("a", newline="") as stream:
            stream.write(_line((step, repr(train_loss), repr(learning_rate), tokens, repr(seconds))))

    def read(self) -> bytes:
        """Return the file as it is now."""
        return self._path.read_bytes()


def _line(values: Any) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(values)
    return stream.getvalue()


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
