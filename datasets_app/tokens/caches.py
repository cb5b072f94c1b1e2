"""Turns files into token caches for one training: rendered, cut, masked and split once, then shared by content.

A cache is a folder LUTHIER_HOME/tokens/KEY with train/, validation/ where there is one (chat.TokenCache each) and
summary.json. KEY covers all that goes in, so equal trainings share it and nothing in it ever changes.
"""

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Literal, TypedDict, cast

from django.conf import settings

from chat import ChatError, ChatFormat, TokenCacheWriter, parse_data_split
from common.errors import UserError
from datasets_app.formats.base import RowFault
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.rows.reading import require_processed
from datasets_app.shapes.examples import Example, Opened, open_examples
from datasets_app.storage import store
from datasets_app.storage.node_files import SUMMARY, building
from datasets_app.tokens.pool import num_workers, tokenised
from datasets_app.tokens.tokenising import BLOCK_ROWS, Block, BlockError, Cut, RawLines, Row, Task, raw_blocks, tokenise

VERSION = 4
"""Goes into each key: raise it when what is written changes."""
AUTO_MIN_ROWS = 100
"""Below, "auto" holds nothing out: a small set needs every row, and a loss over so few rows says nothing."""
AUTO_SHARE = 0.1
AUTO_MAX_ROWS = 500
"""More rows than these would cost time at each validation and make its loss no more certain."""
NAMED_LINES = 20
"""Lines named in the summary for each kind of loss."""
PARALLEL_BYTES = 4 * 2**20
"""A smaller file is tokenised here before a worker would have started."""


SHOWN_LINES = 10
"""Of lines that a sentence names."""


class TokenCounts(TypedDict):
    """What one token cache holds."""

    rows: int
    tokens: int
    trained_tokens: int
    max_len: int


class Losses(TypedDict):
    """What was cut or left out; the first lines of each kind are named."""

    rows_without_answer: int
    lines_without_answer: list[int]
    rows_truncated: int
    lines_truncated: list[int]
    rows_outside_split: int


class TokensSummary(Losses):
    """summary.json of a training's token caches."""

    train: TokenCounts
    validation: TokenCounts | None
    chat_hash: str
    max_seq_len: int
    validation_share: float
    sources: list[str]
    """SHA-256 of the files."""


class _ReadAs(TypedDict):
    """A file's bytes and how they are read: the same bytes may be read in two ways."""

    sha256: str
    reading: dict[str, str]
    format: str
    suffixes: list[str]


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Where the token caches of a training are."""

    key: str
    train: Path
    validation: Path | None
    meta: TokensSummary


def ensure_tokens(
    *,
    file: TrainingFile,
    validation_file: TrainingFile | None,
    chat: ChatFormat,
    max_seq_len: int,
    data_split: str,
    validation_share: float | Literal["auto"],
    seed: int,
) -> Tokens:
    """Return the token caches for a training on `file`, built now unless equal ones are there.

    `data_split` gives the first phase's share of the rows; of those, `validation_share` is held out by each row's own
    content unless there is a `validation_file`. Rows whose answer lies entirely beyond `max_seq_len` are left out and
    named in `meta`. UserError: a file that is not processed, a row the template cannot write, nothing to learn.
    One at a time builds the same on a node; TokensBusy when that is somebody else's large file.
    """
    require_processed(file, allows_text=True)
    if validation_file is not None:
        require_processed(validation_file, allows_text=True)
        _require_same_use(file, validation_file)
    plan = _Plan(
        file=_read_as(file),
        validation=_read_as(validation_file) if validation_file else None,
        chat_hash=chat.hash,
        max_seq_len=max_seq_len,
        data_split=data_split,
        validation_share=0.0 if validation_file else resolve_share(validation_share, file.num_rows or 0),
        seed=seed,
    )
    folder = settings.LUTHIER_HOME / "tokens" / plan.key
    if not (folder / SUMMARY).exists():
        sizes = [one.bytes for one in (file, validation_file) if one is not None]
        with building(plan.key, is_large=max(sizes) >= PARALLEL_BYTES):
            if not (folder / SUMMARY).exists():
                _build(folder, plan, file, validation_file, chat)
    return _opened(folder)


def resolve_share(share: float | Literal["auto"], num_rows: int) -> float:
    """Return the share of rows to hold out; "auto" takes 10 % up to 500 rows, and nothing of fewer than 100."""
    if share != "auto":
        return float(share)
    return 0.0 if num_rows < AUTO_MIN_ROWS else min(AUTO_SHARE, AUTO_MAX_ROWS / num_rows)


def _read_as(file: TrainingFile) -> _ReadAs:
    suffixes = PurePath(file.filename.lower()).suffixes  # these decide where the bytes do not
    return {"sha256": file.sha256, "reading": file.reading, "format": file.format, "suffixes": suffixes[-2:]}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """All that decides what the caches hold."""

    file: _ReadAs
    validation: _ReadAs | None
    chat_hash: str
    max_seq_len: int
    data_split: str
    validation_share: float
    seed: int
    version: int = VERSION

    def cut(self, *, all_to: str = "", joins_lines: bool = False) -> Cut:
        """Return which rows go where; UserError for a split that is none."""
        try:
            phase = parse_data_split(self.data_split)
        except ChatError as error:
            raise UserError(error.message, code=error.code, param="data_split") from None
        return Cut(
            max_seq_len=self.max_seq_len,
            seed=self.seed,
            phase=phase,
            validation_share=self.validation_share,
            all_to=all_to,
            joins_lines=joins_lines,
        )

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(kw_only=True)
class _Losses:
    """What was cut or left out."""

    rows_without_answer: int = 0
    lines_without_answer: list[int] = field(default_factory=list)
    rows_truncated: int = 0
    lines_truncated: list[int] = field(default_factory=list)
    rows_outside_split: int = 0

    def note(self, block: Block) -> None:
        """Count what was lost of a block of rows."""
        for name in ("without_answer", "truncated"):
            lines = getattr(block, f"lines_{name}")
            setattr(self, f"rows_{name}", getattr(self, f"rows_{name}") + len(lines))
            named = getattr(self, f"lines_{name}")
            named += lines[: NAMED_LINES - len(named)]
        self.rows_outside_split += block.num_outside


def _build(
    folder: Path, plan: _Plan, file: TrainingFile, validation_file: TrainingFile | None, chat: ChatFormat
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        summary = _write(draft, plan, file, validation_file, chat)
        (draft / SUMMARY).write_text(json.dumps(summary))
        draft.chmod(0o755)
        try:
            os.rename(draft, folder)
        except OSError:
            if not (folder / SUMMARY).exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(
    draft: Path, plan: _Plan, file: TrainingFile, validation_file: TrainingFile | None, chat: ChatFormat
) -> TokensSummary:
    losses = _Losses()
    with TokenCacheWriter(draft / "train") as train, TokenCacheWriter(draft / "validation") as validation:
        writers = {"train": train, "validation": validation}
        joins_lines = file.format == "text"
        _write_file(writers, file, plan.cut(joins_lines=joins_lines), chat, losses)
        if validation_file is not None:
            cut = plan.cut(all_to="validation", joins_lines=validation_file.format == "text")
            _write_file(writers, validation_file, cut, chat, losses)
        _require_something_to_learn(train, plan, losses)
        meta = {"chat_hash": plan.chat_hash, "max_seq_len": plan.max_seq_len}
        train.close(meta)
        validation.close(meta)
    # Without a trained token a validation has no loss, and is as good as none.
    has_validation = validation.num_trained_tokens > 0
    if not has_validation:
        shutil.rmtree(draft / "validation")
    return {
        "train": _counts(train),
        "validation": _counts(validation) if has_validation else None,
        "chat_hash": plan.chat_hash,
        "max_seq_len": plan.max_seq_len,
        "validation_share": plan.validation_share,
        "sources": [one.sha256 for one in (file, validation_file) if one is not None],
        **cast(Losses, asdict(losses)),
    }


def _write_file(
    writers: dict[str, TokenCacheWriter], file: TrainingFile, cut: Cut, chat: ChatFormat, losses: _Losses
) -> None:
    try:
        for block in _blocks(file, cut, chat):
            for side, packed in block.sides.items():
                writers[side].add_packed(packed)
            losses.note(block)
    except BlockError as error:
        where = f"{file.filename} ({error.field})" if error.field else file.filename
        why = message("in_file", where=where, reason=error.message)
        if error.line is not None:
            why = message("in_line_of_file", line=error.line, where=where, reason=error.message)
        raise UserError(why, code=error.code, param="training_file") from None


def _blocks(file: TrainingFile, cut: Cut, chat: ChatFormat) -> Iterator[Block]:
    """Yield the file's rows as tokens: on every core where it is large, else here."""
    workers = num_workers()
    with store.open_content(file) as stream:
        opened = open_examples(stream, file.filename, file.reading)
        if file.bytes < PARALLEL_BYTES or workers < 2:
            for rows in _rows_in_blocks(opened):
                yield tokenise(rows, chat, cut)
            return
        task = Task(chat_folder="", cut=cut, reading=file.reading, filename=file.filename)
        is_lines = opened.format == "jsonl" and opened.text is not None and file.use != "text"
        given: Iterable[RawLines | list[Row]] = raw_blocks(opened) if is_lines else _rows_in_blocks(opened)
        yield from tokenised(given, chat=chat, task=task, workers=workers)


def _rows_in_blocks(opened: Opened) -> Iterator[list[Row]]:
    rows: Iterator[Row] = filter(None, map(_row_of, opened))
    while block := list(itertools.islice(rows, BLOCK_ROWS)):
        yield block


def _row_of(item: Example | RowFault) -> Row | None:
    if isinstance(item, RowFault):
        return None
    if item.conversation is not None:
        return item.line, item.conversation
    return (item.line, item.text) if item.text else None


def _require_same_use(file: TrainingFile, validation_file: TrainingFile) -> None:
    """Refuse conversations beside plain text: their losses cannot be compared."""
    if file.use != validation_file.use:
        raise UserError(
            message("two_kinds_of_files", training=file.filename, validation=validation_file.filename),
            code="validation_of_another_kind",
            param="validation_file",
        )


def _require_something_to_learn(train: TokenCacheWriter, plan: _Plan, losses: _Losses) -> None:
    if train.num_trained_tokens:
        return
    why = message("all_split_off")
    if losses.rows_without_answer:
        lines = [str(line) for line in losses.lines_without_answer[:SHOWN_LINES]]
        lines += ["…"] * (losses.rows_without_answer > SHOWN_LINES)
        why = message("answers_beyond", rows=losses.rows_without_answer, lines=lines, tokens=plan.max_seq_len)
    raise UserError(
        message("training_learns_no_token").followed_by(why), code="no_trained_tokens", param="training_file"
    )


def _counts(writer: TokenCacheWriter) -> TokenCounts:
    return {
        "rows": writer.num_rows,
        "tokens": writer.num_tokens,
        "trained_tokens": writer.num_trained_tokens,
        "max_len": writer.max_len,
    }


def _opened(folder: Path) -> Tokens:
    meta = json.loads((folder / SUMMARY).read_text())
    os.utime(folder / SUMMARY)  # when it was last used
    validation = folder / "validation" if meta["validation"] else None
    return Tokens(key=folder.name, train=folder / "train", validation=validation, meta=meta)
