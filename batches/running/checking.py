"""Checks a batch's file, line by line, before anything of it is asked."""

from typing import IO, Any, TypedDict

from batches.messages import message
from batches.models import Batch
from batches.running.lines import LineFault, raw_lines, read_line
from common.errors import UserError
from deployments.names import find_target
from wording import Message

MOST_REQUESTS = 50_000
MOST_ERRORS = 100
"""Of one file; the first are told."""


class BatchFault(TypedDict):
    """What is wrong with a file of requests, as it is stored."""

    code: str
    line: int | None
    param: str | None
    message: Any


class Check:
    """What a file holds."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._ids: set[str] = set()
        self.num_requests = 0
        self.model = ""
        self.faults: list[BatchFault] = []

    def read(self, stream: IO[bytes]) -> None:
        """Read all lines, until there are too many of them, or of faults."""
        for number, content in raw_lines(stream):
            self.num_requests += 1
            if self.num_requests > MOST_REQUESTS:
                self.found(message("batch_too_many_lines", most=MOST_REQUESTS), code="too_many_requests")
                return
            try:
                self._take(number, content)
            except LineFault as fault:
                self.found(fault.said, code=fault.code, line=number, param=fault.param)
            if len(self.faults) >= MOST_ERRORS:
                return
        if not self.num_requests:
            self.found(message("batch_file_empty"), code="empty_file")

    def found(self, said: Message, *, code: str, line: int | None = None, param: str | None = None) -> None:
        self.faults.append({"code": code, "line": line, "param": param, "message": said.stored()})

    def _take(self, number: int, content: bytes) -> None:
        line = read_line(number, content, endpoint=self._batch.endpoint)
        if line.custom_id in self._ids:
            said = message("batch_line_id_twice", custom_id=line.custom_id[:80])
            raise LineFault(said, code="duplicate_custom_id", param="custom_id")
        self._ids.add(line.custom_id)
        if not self.model:
            self._take_model(line.model)
        elif line.model != self.model:
            said = message("batch_line_other_model", model=self.model)
            raise LineFault(said, code="mismatched_model", param="body.model")

    def _take_model(self, name: str) -> None:
        try:
            find_target(team=self._batch.team, name=name)
        except UserError as error:
            raise LineFault(error.message, code=error.code, param="body.model") from None
        self.model = name


def check(batch: Batch, stream: IO[bytes]) -> bool:
    """Read the whole file; have the batch begin, or fail with what is wrong. False where it has not begun."""
    found = Check(batch)
    found.read(stream)
    if found.faults:
        return fail(batch, found.faults)
    return batch.move(Batch.Status.IN_PROGRESS, num_requests=found.num_requests, model=found.model)


def fail(batch: Batch, faults: list[BatchFault]) -> bool:
    """Have the batch fail before it begins."""
    batch.move(Batch.Status.FAILED, errors=faults, only_from=Batch.Status.VALIDATING)
    return False


def fail_whole(batch: Batch, said: Message, *, code: str) -> bool:
    """Have the batch fail for what is wrong with the whole file."""
    return fail(batch, [{"code": code, "line": None, "param": "input_file_id", "message": said.stored()}])
