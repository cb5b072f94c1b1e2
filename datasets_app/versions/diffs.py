"""What distinguishes two data sets: rows that only one of them has, counted with their repetitions."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.errors import UserError
from datasets_app.formats.streams import TooFar, within
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.shapes.examples import Example, ExampleObject, as_copy, open_examples
from datasets_app.storage import store

SHOWN = 10
MOST_COMPARED_BYTES = 32 * 2**20
"""Of each of the two, packed and unpacked: they are compared while a request waits."""


class DiffRow(ExampleObject):
    """A row that only one of two sets has."""

    line: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Between an older and a newer set, in rows that can be learned from."""

    same: int
    added: int
    """Rows that the newer one has more."""
    removed: int
    """Rows that the older one has more."""
    added_rows: list[DiffRow] = field(default_factory=list)
    """The first ones."""
    removed_rows: list[DiffRow] = field(default_factory=list)


def difference(*, older: TrainingFile, newer: TrainingFile) -> Difference:
    """Compare by what the rows say, however they are written; UserError for sets that are too large for it.

    Memory: 8 bytes for each row of both.
    """
    for file in (older, newer):
        if not can_compare(file):
            raise _too_large(file)
    old, new = _digests(older), _digests(newer)
    values, counts_old = np.unique(old, return_counts=True)
    news, counts_new = np.unique(new, return_counts=True)
    every = np.union1d(values, news)
    more = _counts(every, news, counts_new) - _counts(every, values, counts_old)
    added, removed = int(more[more > 0].sum()), int(-more[more < 0].sum())
    return Difference(
        same=len(new) - added,
        added=added,
        removed=removed,
        added_rows=_first_rows(newer, every[more > 0]),
        removed_rows=_first_rows(older, every[more < 0]),
    )


def can_compare(file: TrainingFile) -> bool:
    """Whether the file is small enough to be compared while a request waits."""
    return file.bytes <= MOST_COMPARED_BYTES


def _examples(file: TrainingFile) -> Iterator[Example]:
    """Yield the good rows; UserError where there is more in the file than its size says."""
    with store.open_content(file) as content:
        opened = open_examples(content, file.filename, file.reading, most_bytes=MOST_COMPARED_BYTES)
        try:
            for item in within(opened, most_bytes=MOST_COMPARED_BYTES):
                if isinstance(item, Example) and item.conversation is not None:
                    yield item
        except TooFar:
            raise _too_large(file) from None


def _too_large(file: TrainingFile) -> UserError:
    return UserError(
        message("too_large_to_compare", filename=file.filename, file=file.pk, megabytes=MOST_COMPARED_BYTES // 2**20),
        param="against",
    )


def _digests(file: TrainingFile) -> Any:
    return np.fromiter((_digest(example) for example in _examples(file)), dtype=np.uint64)


def _digest(example: Example) -> int:
    text = json.dumps(as_copy(example), sort_keys=True, ensure_ascii=False)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big")


def _counts(every: Any, values: Any, counts: Any) -> Any:
    found = np.zeros(len(every), dtype=np.int64)
    found[np.searchsorted(every, values)] = counts
    return found


def _first_rows(file: TrainingFile, wanted: Any) -> list[DiffRow]:
    """Return the first rows whose digest is among `wanted`, which is sorted."""
    rows: list[DiffRow] = []
    for example in _examples(file) if len(wanted) else ():
        place = np.searchsorted(wanted, np.uint64(_digest(example)))
        if place < len(wanted) and wanted[place] == _digest(example):
            rows.append({"line": example.line, **as_copy(example)})
            if len(rows) == SHOWN:
                break
    return rows
