"""Which conversations make up each optimizer step, and how a step's batch is split into micro-batches.

Everything here is a pure function of (lengths, seed, step): a resumed run needs no stored position.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.failures import Failure
from trainer.messages import message


class Conversations(Protocol):
    """What the trainer needs of a token cache."""

    lengths: NDArray[np.int64]

    def __len__(self) -> int: ...

    def row(self, index: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]: ...


class Inputs(TypedDict, total=False):
    """What a model is given beside ids: of packed rows (see trainer.packing), and what comes before all rows."""

    position_ids: torch.Tensor
    attention_mask: torch.Tensor
    row_lengths: tuple[int, ...]
    row_ends: torch.Tensor
    cache: Any
    """Transformers' cache of keys and values."""
    use_cache: bool


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """Conversations padded on the right to the longest of them, or packed: all in one row, one behind another."""

    ids: torch.Tensor
    """int64 [rows, tokens]; one row when packed."""
    predicts: torch.Tensor
    """bool [rows, tokens], on the host: positions whose next token is learned."""
    labels: torch.Tensor
    """int64 [number of True in predicts]: those next tokens."""
    inputs: Inputs = field(default_factory=Inputs)


class BatchOrder:
    """The batches of a whole training: one permutation of all rows per epoch, its last batch as large as is left."""

    def __init__(self, num_rows: int, batch_size: int, seed: int) -> None:
        self._num_rows = num_rows
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = -1
        self._rows = np.empty(0, dtype=np.int64)

    def batch(self, step: int) -> list[int]:
        """Return the row numbers of optimizer step `step`, counted from 0."""
        epoch, index = divmod(step, -(-self._num_rows // self._batch_size))
        if epoch != self._epoch:
            self._epoch = epoch
            self._rows = np.random.default_rng([self._seed, epoch]).permutation(self._num_rows)
        return [int(row) for row in self._rows[index * self._batch_size : (index + 1) * self._batch_size]]


def split_batch(
    rows: list[int],
    lengths: NDArray[np.int64],
    *,
    world_size: int,
    max_rows: int,
    token_budget: int,
    packs: bool = False,
) -> list[list[list[int]]]:
    """Split a batch into the micro-batches of every rank: `result[rank][micro_batch]` is a list of row numbers.

    Where rows are padded, conversations of similar length come together, so that few padding tokens are computed;
    where they are packed, micro-batches get about the same number of tokens. Every rank gets the same number of
    micro-batches, since each backward pass is a collective operation; an empty list stands for one that adds nothing.
    """
    by_length = sorted(rows, key=lambda row: (-int(lengths[row]), row))
    shares = [_share(by_length, rank, world_size) for rank in range(world_size)]
    split = _split_evenly if packs else _split_share
    plans = [split(share, lengths, max_rows, token_budget) for share in shares]
    count = max(len(plan) for plan in plans)
    for plan in plans:
        _reach(plan, count)
    return plans


def collate(cache: Conversations, rows: list[int], device: torch.device, *, start: int = 0) -> MicroBatch:
    """Read `rows` from token `start` on (none: one token that predicts nothing) and pad them.

    The pad id is never seen: attention is causal and padding is on the right, so 0 serves every tokenizer.
    """
    pairs = [cache.row(row) for row in rows] or [(np.zeros(1, dtype=np.uint32), np.zeros(1, dtype=np.bool_))]
    if rows:
        pairs = [(ids[start:], learned[start:]) for ids, learned in pairs]
    width = max(len(ids) for ids, _ in pairs)
    ids = np.zeros((len(pairs), width), dtype=np.int64)
    learned = np.zeros((len(pairs), width), dtype=np.bool_)
    for number, (row_ids, row_learned) in enumerate(pairs):
        ids[number, : len(row_ids)] = row_ids
        learned[number, : len(row_learned)] = row_learned
    predicts = np.zeros_like(learned)
    predicts[:, :-1] = learned[:, 1:]
    labels = ids[:, 1:][learned[:, 1:]]
    return MicroBatch(ids=send(ids, device), predicts=torch.from_numpy(predicts), labels=send(labels, device))


def send(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Return `array` on `device`; a GPU gets it while the host continues."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def count_labels(cache: Conversations, rows: list[int]) -> int:
    """Return how many tokens of `rows` are learned. The first token of a conversation has nothing before it."""
    return sum(int(cache.row(row)[1][1:].sum()) for row in rows)


def count_tokens(cache: Conversations, rows: list[int]) -> int:
    """Return the tokens of `rows` without padding."""
    return sum(int(cache.lengths[row]) for row in rows)


def require_trained_tokens(cache: Conversations) -> None:
    """Raise Failure when no token of any conversation would be learned."""
    if len(cache) == 0:
        raise Failure("no_trained_tokens", message("no_conversation"))
    if not any(cache.row(row)[1][1:].any() for row in range(len(cache))):
        raise Failure("no_trained_tokens", message("no_token_learned"))


def _share(by_length: list[int], rank: int, world_size: int) -> list[int]:
    """Deal rows like cards, turning round after each hand, so that every rank gets about the same tokens."""
    return [
        row
        for number, row in enumerate(by_length)
        if rank == (number % world_size if number // world_size % 2 == 0 else world_size - 1 - number % world_size)
    ]


def _split_share(share: list[int], lengths: NDArray[np.int64], max_rows: int, token_budget: int) -> list[list[int]]:
    """Fill micro-batches from the longest conversation down; `share` is sorted, so the first of each is its width."""
    plan: list[list[int]] = []
    for row in share:
        current = plan[-1] if plan else []
        if current and len(current) < max_rows and int(lengths[current[0]]) * (len(current) + 1) <= token_budget:
            current.append(row)
        else:
            plan.append([row])
    return plan


def _split_evenly(share: list[int], lengths: NDArray[np.int64], max_rows: int, token_budget: int) -> list[list[int]]:
    """Deal the sorted `share` to as few micro-batches as hold it; one conversation alone may be over the budget."""
    total = sum(int(lengths[row]) for row in share)
    for count in range(max(-(-total // token_budget), -(-len(share) // max_rows)), len(share)):
        plan = [_share(share, number, count) for number in range(count)]
        if all(len(rows) <= max_rows and int(lengths[rows].sum()) <= token_budget for rows in plan):
            return plan
    return [[row] for row in share]


def _reach(plan: list[list[int]], count: int) -> None:
    """Bring `plan` to `count` micro-batches by halving its largest, then by empty ones."""
    while len(plan) < count:
        largest = max(range(len(plan)), key=lambda number: len(plan[number]), default=0)
        if plan and len(plan[largest]) > 1:
            rows = plan[largest]
            plan[largest : largest + 1] = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
        else:
            plan.append([])
