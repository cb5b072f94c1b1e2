"""Training rows that come back word for word: an index of their runs of words, within a bound of memory."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scoring.detectors.personal import Personal, personal_data
from scoring.texts import units

RUN = 12
"""Words (in Chinese: characters) in a row that count as a copy. Shorter runs are idioms and stock phrases; papers on
memorisation take 50 tokens, of which a small model's short answers have none."""
MOST_RUNS = 4_000_000
"""Runs that an index holds: 48 MB. Of longer data every n-th run is kept, by its hash, so that a copy which is a few
times n words long is still found."""
SHORTEST_WHOLE = 5
"""Words of a row that counts as copied when an answer is all of it; shorter ones ("Yes, dogs are mammals.") come about
by chance."""
_MERGED_AT_ONCE = 500_000
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What an answer has word for word from a training row."""

    row: int
    """The number of the row, from 0."""
    num_units: int
    """Words in a row, at least."""
    share: float
    """How much of the answer stands in training rows, 0 to 1."""
    is_whole: bool
    """True when the answer is all that a row teaches, and nothing else."""


class TrainingIndex:
    """Finds what an answer copies. Built once from the training rows, asked for each answer."""

    def __init__(self, rows: Iterable[str], *, most_runs: int = MOST_RUNS) -> None:
        """Read `rows`, one after the other: what the model learns to say in each."""
        self.num_rows = 0
        self.keeps_every = 1
        """Of how many runs one is kept."""
        self._most = most_runs
        self._whole: dict[int, int] = {}
        self._personal: dict[bytes, int] = {}
        self._hashes, self._rows = np.zeros(0, np.uint64), np.zeros(0, np.uint32)
        fresh: list[Hashes] = []
        numbers: list[int] = []
        num_fresh = 0
        for number, text in enumerate(rows):
            fresh.append(self._read(number, text))
            numbers.append(number)
            num_fresh += len(fresh[-1])
            if num_fresh + len(fresh) > _MERGED_AT_ONCE:
                self._merge(fresh, numbers)
                fresh, numbers, num_fresh = [], [], 0
        self._merge(fresh, numbers)

    def _read(self, number: int, text: str) -> Hashes:
        self.num_rows += 1
        for found in personal_data(text):
            self._personal.setdefault(_digest(found), number)
        words = units(text)
        if len(words) >= SHORTEST_WHOLE:
            self._whole.setdefault(_whole_hash(words), number)
        return self._kept(_runs(words))

    def _merge(self, fresh: list[Hashes], numbers: list[int]) -> None:
        """Take in new runs, each with the first row that has it, and thin out what is too much."""
        lengths = [len(runs) for runs in fresh]
        hashes = np.concatenate([self._hashes, *fresh])
        rows = np.concatenate([self._rows, np.repeat(np.array(numbers, dtype=np.uint32), lengths)])
        self._hashes, first = np.unique(hashes, return_index=True)
        self._rows = rows[first]
        while len(self._hashes) > self._most:
            self.keeps_every *= 2
            stays = self._hashes % np.uint64(self.keeps_every) == 0
            self._hashes, self._rows = self._hashes[stays], self._rows[stays]

    def copied(self, answer: str) -> Copy | None:
        """Return what `answer` has from the training rows; None where it has no run of theirs."""
        words = units(answer)
        if (row := self._whole.get(_whole_hash(words))) is not None:
            return Copy(row=row, num_units=len(words), share=1.0, is_whole=True)
        runs = _runs(words)
        if not len(runs) or not len(self._hashes):
            return None
        places = np.minimum(np.searchsorted(self._hashes, runs), len(self._hashes) - 1)
        is_known = self._hashes[places] == runs
        if not is_known.any():
            return None
        covered = _covered(is_known, len(words), self.keeps_every)
        longest, start = _longest(covered)
        inside = is_known[start : start + longest]
        row = int(self._rows[places[start + int(np.argmax(inside))]])
        return Copy(row=row, num_units=longest, share=float(covered.mean()), is_whole=False)

    def personal_data(self, answer: str) -> list[tuple[Personal, int]]:
        """Return the personal data of `answer` that stands in a training row, with the number of the row."""
        found = [(personal, self._personal.get(_digest(personal))) for personal in personal_data(answer)]
        return [(personal, row) for personal, row in found if row is not None]

    def _kept(self, runs: Hashes) -> Hashes:
        return runs if self.keeps_every == 1 else runs[runs % np.uint64(self.keeps_every) == 0]


def _runs(words: list[str]) -> Hashes:
    """Return the hash of each run of RUN words."""
    if len(words) < RUN:
        return np.zeros(0, np.uint64)
    each = np.array([_word_hash(word) for word in words], dtype=np.uint64)
    runs = np.zeros(len(words) - RUN + 1, np.uint64)
    for place in range(RUN):
        runs = runs * _BASE + each[place : place + len(runs)]
    return _mixed(runs)


@lru_cache(maxsize=65_536)
def _word_hash(word: str) -> int:
    # Not hash(): it differs from process to process, and an index may be asked in another than it was made in.
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _whole_hash(words: list[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest(), "little")


def _mixed(values: Hashes) -> Hashes:
    """Spread the bits, so that every n-th by its remainder is a fair sample (splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _covered(is_known: npt.NDArray[np.bool_], num_words: int, keeps_every: int) -> npt.NDArray[np.bool_]:
    """Return which words stand in a known run; between two kept runs of a thinned index all words do."""
    covered = np.zeros(num_words, np.bool_)
    starts = np.flatnonzero(is_known)
    for start, following in zip(starts, [*starts[1:], starts[-1]], strict=True):
        is_near = keeps_every > 1 and following - start <= 4 * keeps_every
        covered[start : max(start, following if is_near else start) + RUN] = True
    return covered


def _longest(covered: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return length and start of the longest stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], covered.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    longest = int(np.argmax(lengths))
    return int(lengths[longest]), int(edges[2 * longest])


def _digest(found: Personal) -> bytes:
    # The index keeps no personal data itself.
    return hashlib.blake2b(f"{found.kind}\0{found.value}".encode(), digest_size=16).digest()
