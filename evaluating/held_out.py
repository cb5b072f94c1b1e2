"""How well a loaded model foretells rows that nobody trained it on: the trainer's rows, mask and labels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from serving.engine import Engine
from trainer.data import Conversations, collate, split_batch

TOKENS_AT_ONCE = 512
"""Of one batch, padding included; a longer row is a batch of its own."""

RowLoss = tuple[float, int, int]
"""Sum of a row's cross-entropies, its learned tokens, and how many of them were guessed right."""


class HeldOut:
    """Measures rows on an engine that answers nobody meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._picked: torch.Tensor | None = None
        # Before the engine's own hook, which then finds one position a row and leaves it alone.
        engine.loaded.model.get_output_embeddings().register_forward_pre_hook(self._pick, prepend=True)

    def measure(self, cache: Conversations, adapter: int, *, most: int, max_rows: int) -> Iterator[list[RowLoss]]:
        """Yield the losses of at most `most` rows, spread evenly over `cache`, batch by batch, longest rows first."""
        rows = sorted({int(row) for row in np.linspace(0, len(cache) - 1, min(most, len(cache)))}) if len(cache) else []
        if not rows:
            return
        (plan,) = split_batch(rows, cache.lengths, world_size=1, max_rows=max_rows, token_budget=TOKENS_AT_ONCE)
        for batch in plan:
            yield self._engine.call(lambda batch=batch: self._losses(cache, batch, adapter)).result()  # type: ignore[misc]

    def _losses(self, cache: Conversations, rows: list[int], adapter: int) -> list[RowLoss]:
        loaded = self._engine.loaded
        batch = collate(cache, rows, loaded.device)
        self._engine.lora.select([adapter] * len(rows))
        step = loaded.pool.begin(range(len(rows)), [0] * len(rows), batch.ids.shape[1], loaded.device)
        self._picked = batch.predicts.flatten().nonzero()[:, 0].to(loaded.device)
        try:
            out = loaded.model(input_ids=batch.ids, position_ids=step.positions, cache=loaded.pool, use_cache=True)
        finally:
            self._picked = None
        logits = out.logits[:, 0].float()
        losses = functional.cross_entropy(logits, batch.labels, reduction="none").double().cpu()
        right = (logits.argmax(-1) == batch.labels).cpu()
        counts = batch.predicts.sum(dim=1).tolist()
        return [
            (float(row_losses.sum()), count, int(row_right.sum()))
            for row_losses, row_right, count in zip(losses.split(counts), right.split(counts), counts, strict=True)
        ]

    def _pick(self, _module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._picked is None:
            return None
        return (inputs[0].flatten(0, 1)[self._picked][:, None], *inputs[1:])
