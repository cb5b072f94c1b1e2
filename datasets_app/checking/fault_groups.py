"""The faults of a file by kind: one line of a list for one cause, however many rows have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from datasets_app.checking.fault_list import FaultObject, as_json, read_faults
from datasets_app.models import Fault, TrainingFile
from datasets_app.storage import store
from wording import Message

SHOWN_LINES = 10


@dataclass(frozen=True, kw_only=True)
class FaultGroup:
    """All faults of one kind."""

    kind: str
    level: str
    count: int
    lines: list[int]
    """The first ones."""
    message: Message
    """Of the first."""
    hint: Message | None


def fault_groups(file: TrainingFile) -> list[FaultGroup]:
    """Return the kinds of faults, then the kinds of notes, the most frequent first."""
    counts = {"fault": (file.statistics or {}).get("faults", {}), "note": (file.statistics or {}).get("notes", {})}
    groups = []
    for level, kinds in counts.items():
        for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1]):
            first = list(Fault.objects.filter(file=file, kind=kind, level=level).order_by("number")[:SHOWN_LINES])
            if first:
                lines = [fault.line for fault in first if fault.line is not None]
                groups.append(
                    FaultGroup(
                        kind=kind, level=level, count=count, lines=lines, message=first[0].message, hint=first[0].hint
                    )
                )
    return groups


def all_faults(file: TrainingFile, *, after: int = 0, kind: str = "") -> Iterator[FaultObject]:
    """Yield every fault and note from number `after` (from 0) on, from the database or the list beside the file."""
    kept = (file.statistics or {}).get("fault_list") or {}
    if not kept:
        stored = Fault.objects.filter(file=file).order_by("number")
        stored = stored.filter(kind=kind) if kind else stored
        for fault in stored[after:].iterator():
            yield as_json(fault)
        return
    with store.storage().open(kept["name"], "rb") as stream:
        faults = read_faults(stream, kept["offsets"], 0 if kind else after)
        if kind:
            faults = islice((fault for fault in faults if fault["kind"] == kind), after, None)
        yield from faults
