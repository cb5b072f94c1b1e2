"""Every fault of a file, one JSON object a line, with the places of some of them so that any page is found at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypedDict

from common.wording import in_words, on_the_wire
from datasets_app.formats.base import RowFault
from datasets_app.models import Fault
from wording import Message, as_written

EVERY = 1000
"""Faults between two places that are remembered."""


class FaultListWriter:
    """Writes faults in order; the file is made with the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.offsets: list[int] = []
        """Of the faults 0, EVERY, 2 x EVERY, …"""
        self.num_faults = 0

    def add(self, fault: RowFault) -> None:
        """Append one fault."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path.open("wb")
        if self.num_faults % EVERY == 0:
            self.offsets.append(self._file.tell())
        known = {**_known(fault), "message": fault.message, "hint": fault.hint}
        self._file.write(_WRITTEN.encode(known).encode("utf-8", "backslashreplace") + b"\n")
        self.num_faults += 1

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()

    def opened(self) -> IO[bytes]:
        """Open what was written."""
        return self._path.open("rb")


class MessageAndHint(TypedDict):
    """What is wrong and what to do: in words, and as codes with their parameters."""

    message: str | None
    hint: str
    code: str | None
    params: dict[str, object] | None
    hint_code: str | None
    hint_params: dict[str, object] | None


class FaultPlace(TypedDict):
    """Where a fault is, and of which `kind`: by it faults are grouped, filtered and mended."""

    line: int | None
    field: str | None
    kind: str
    level: str


class FaultObject(FaultPlace, MessageAndHint):
    """A fault of a file."""


def as_json(fault: RowFault | Fault) -> FaultObject:
    """Return the fault as the API gives it, in the active language."""
    return _in_words(_known(fault), fault.message, fault.hint)


def said_json(said: Message | None, hint: Message | None) -> MessageAndHint:
    """Return what is wrong and what to do: in words, and as codes with their parameters."""
    wire, advice = on_the_wire(said), on_the_wire(hint)
    return {
        "message": wire["message"],
        "hint": in_words(hint),
        "code": wire["code"],
        "params": wire["params"],
        "hint_code": advice["code"],
        "hint_params": advice["params"],
    }


def _known(fault: RowFault | Fault) -> FaultPlace:
    return {"line": fault.line, "field": fault.field or None, "kind": fault.kind, "level": fault.level}


def _in_words(known: FaultPlace, said: Message | None, hint: Message | None) -> FaultObject:
    return {**known, **said_json(said, hint)}


def _stored(said: Message) -> dict[str, object]:
    """Return what `Message.stored` does, but leave what is inside to the encoder, for there may be many."""
    body: dict[str, object] = {"code": said.code, "params": said.params}
    return body | {"then": said.then} if said.then else body


def _restored(said: Any) -> Message | None:
    """Return a stored message; lists of earlier versions hold texts."""
    return Message.restored(said) if isinstance(said, dict) else as_written(said) if said else None


def read_faults(stream: IO[bytes], offsets: list[int], first: int) -> Iterator[FaultObject]:
    """Yield the faults from number `first` (from 0) on."""
    block = min(first // EVERY, len(offsets) - 1)
    stream.seek(offsets[block])
    number = block * EVERY
    while line := stream.readline():  # iterating would begin anew: Django's files go back to their start
        if number >= first:
            known = json.loads(line)
            if "kind" not in known:  # a list of an earlier version
                known["kind"] = known.pop("code")
            said, hint = _restored(known.pop("message")), _restored(known.pop("hint"))
            yield _in_words(known, said, hint)
        number += 1


_WRITTEN = json.JSONEncoder(ensure_ascii=False, default=_stored)
