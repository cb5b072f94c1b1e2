"""How long the rows of a set are for one base model, and what of them would be learned or cut off."""

import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np

from catalogue.chat_formats import chat_format
from catalogue.models import BaseModel
from chat import ChatError, ChatFormat, Rendered, SystemChoice
from common.errors import UserError
from datasets_app.models import TrainingFile
from datasets_app.rows.pages import examples_at
from datasets_app.rows.reading import require_processed
from datasets_app.storage.node_files import rows_folder
from datasets_app.tokens.row_view import document, job_system_choice

MOST_ROWS = 2000
"""The most rows that are looked at, spread evenly over a larger set."""
BARS = 16


@dataclass(frozen=True)
class _Lengths:
    """Of each row looked at."""

    tokens: Any
    run_rows: Any
    """Of each run of learned tokens: the place of its row among those looked at,"""
    run_starts: Any
    """its first token,"""
    run_ends: Any
    """and the one after its last."""
    first_answer: Any
    """Tokens before the first that is learned."""
    lines: Any

    @classmethod
    def read(cls, path: Path) -> "_Lengths | None":
        """Return what `write` has written; None where it is not there or broken."""
        try:
            with np.load(path) as found:
                return cls(*(found[name] for name in LENGTHS))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def write(self, path: Path) -> None:
        """Keep the lengths for the next look, whole or not at all; they are not worth an error."""
        draft = path.with_name(f".{uuid.uuid4().hex}.npz")
        try:
            np.savez(draft, **{name: getattr(self, name) for name in LENGTHS})
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)

    def trained_within(self, most: int | None) -> Any:
        """Return the learned tokens of each row among its first `most`; None: of the whole row."""
        ends = self.run_ends if most is None else np.minimum(self.run_ends, most)
        learned = (ends - self.run_starts).clip(min=0)
        return np.bincount(self.run_rows, weights=learned, minlength=len(self.tokens)).astype(np.int64)


LENGTHS = ("tokens", "run_rows", "run_starts", "run_ends", "first_answer", "lines")


Bar = TypedDict("Bar", {"from": int, "to": int, "rows": int})
"""How many rows have each number of tokens."""


class TokenStatistics(TypedDict):
    """A `file.statistics`: lengths in tokens, and what a training would lose; counts are of the whole set."""

    object: Literal["file.statistics"]
    model: str
    system_prompt: str
    rows: int
    rows_looked_at: int
    tokens: int
    trained_tokens_per_epoch: int
    p50: int
    p95: int
    max: int
    longest_line: int | None
    max_seq_len: int
    rows_cut: int
    share_cut: float
    rows_without_answer: int
    histogram: list[Bar]


def token_statistics(
    *, file: TrainingFile, base: BaseModel, max_seq_len: int | None = None, system: SystemChoice | None = None
) -> TokenStatistics:
    """Return lengths in tokens as `base` reads the rows, and what a training with `max_seq_len` would lose.

    `system` None means what a job uses by default, `max_seq_len` None the model's context. `rows_looked_at` says of how
    many rows the figures are; counts are scaled to the whole set. Errors: UserError for a file that is not processed or
    that the model's template cannot write.
    """
    require_processed(file, allows_text=True)
    system = system or job_system_choice(file, base)
    found = _measure(file, base, system)
    looked_at, rows = len(found.tokens), int(file.num_rows or 0)
    scale = rows / looked_at if looked_at else 0.0
    most = max_seq_len or base.context_length
    longest = int(found.tokens.argmax()) if looked_at else 0
    # Plain text is put into windows one after another, so that nothing of it is cut away.
    is_cut = (found.tokens > most) & (file.use != "text")
    trained = found.trained_within(None if file.use == "text" else most)
    return {
        "object": "file.statistics",
        "model": base.pk,
        "system_prompt": system.word,
        "rows": rows,
        "rows_looked_at": looked_at,
        "tokens": round(scale * int(found.tokens.sum())),
        "trained_tokens_per_epoch": round(scale * int(trained.sum())),
        "p50": int(np.percentile(found.tokens, 50)) if looked_at else 0,
        "p95": int(np.percentile(found.tokens, 95)) if looked_at else 0,
        "max": int(found.tokens.max()) if looked_at else 0,
        "longest_line": int(found.lines[longest]) if looked_at else None,
        "max_seq_len": most,
        "rows_cut": round(scale * int(is_cut.sum())),
        "share_cut": round(float(is_cut.mean()), 4) if looked_at else 0.0,
        "rows_without_answer": round(scale * int((is_cut & (found.first_answer >= most)).sum())),
        "histogram": _histogram(found.tokens, scale),
    }


def _measure(file: TrainingFile, base: BaseModel, system: SystemChoice) -> _Lengths:
    """Return the lengths, measured at the first look: the bytes never change, and the format's hash is in the name."""
    try:
        chat = chat_format(base, system)
    except ChatError as error:
        raise UserError(error.message, code=error.code, param="model") from None
    path = rows_folder(file.pk) / f"lengths-{chat.hash[:32]}.npz"
    found = _Lengths.read(path)
    if found is None:
        found = _measured(file, chat)
        found.write(path)
    return found


def _measured(file: TrainingFile, chat: ChatFormat) -> _Lengths:
    rows = int(file.num_rows or 0)
    numbers = np.unique(np.linspace(0, max(0, rows - 1), min(rows, MOST_ROWS)).round().astype(int)).tolist()
    examples = list(examples_at(file, numbers))
    try:
        if file.use == "text":
            rendered = [document(chat, example.text or "") for example in examples]
        else:
            rendered = list(chat.render_many(e.conversation for e in examples if e.conversation is not None))
    except ChatError as error:
        raise UserError(error.message, code=error.code, param="model") from None
    return _Lengths(
        np.asarray([len(row.ids) for row in rendered], dtype=np.int64),
        *_runs(rendered),
        np.asarray([_before_answer(row) for row in rendered], dtype=np.int64),
        np.asarray([example.line for example in examples], dtype=np.int64),
    )


def _runs(rendered: list[Rendered]) -> tuple[Any, Any, Any]:
    """Return row, start and end of every run of learned tokens."""
    rows, starts, ends = [], [], []
    for number, row in enumerate(rendered):
        edges = np.flatnonzero(np.diff(np.asarray([False, *row.trained, False], dtype=np.int8)))
        starts.append(edges[::2])
        ends.append(edges[1::2])
        rows.append(np.full(len(edges) // 2, number))
    every = [np.concatenate(parts) if parts else np.empty(0) for parts in (rows, starts, ends)]
    return tuple(part.astype(np.int64) for part in every)  # type: ignore[return-value]


def _before_answer(row: Rendered) -> int:
    trained = list(row.trained)
    return trained.index(True) if True in trained else len(trained)


def _histogram(tokens: Any, scale: float) -> list[Bar]:
    if not len(tokens):
        return []
    step = max(1, -(-int(tokens.max()) // BARS))
    counts = np.bincount((tokens - 1).clip(min=0) // step, minlength=1)
    return [
        {"from": n * step + 1, "to": (n + 1) * step, "rows": round(scale * int(count))}
        for n, count in enumerate(counts)
    ]
