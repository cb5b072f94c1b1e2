"""From the options of a command line to a run directory: read, check, split and tokenise conversations or texts."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import chat
from rundir import RunDirectory, write_atomically, write_json
from trainer.command_line import READY, Arguments
from trainer.failures import Failure
from trainer.messages import message
from wording import Message, as_written

SideOf = Callable[[bytes], "chat.TokenCacheWriter | None"]
"""From a row's key to the cache that the row belongs to; None: to another phase."""
TEXT_SUFFIXES = (".txt", ".text", ".md")
"""Of a file whose lines are one continuous text; separate texts are rows of {"text": …}."""


def build_run_directory(arguments: Arguments, launch: str) -> RunDirectory:
    """Write spec.json, chat files and token caches under `output_dir`; raise Failure with the line that is wrong."""
    try:
        return _build(arguments, launch)
    except chat.ChatError as error:
        raise Failure(error.code, error.message) from error


def _build(arguments: Arguments, launch: str) -> RunDirectory:
    assert arguments.hyperparameters is not None
    directory = RunDirectory(Path(arguments.output_dir).resolve())
    directory.create()
    chat_format = chat.ChatFormat.load(Path(arguments.chat_path or arguments.model_name_or_path))
    directory.chat.mkdir(exist_ok=True)
    chat_format.save(directory.chat)
    caches = Path(arguments.data_output_path).resolve() if arguments.data_output_path else directory.data
    has_validation = _write_caches(arguments, chat_format, caches)
    write_json(directory.spec, _spec(arguments, caches, has_validation=has_validation))
    write_atomically(directory.root / READY, launch.encode())
    return directory


def _write_caches(arguments: Arguments, chat_format: "chat.ChatFormat", caches: Path) -> bool:
    """Write train/ and validation/ under `caches`; return whether there is anything to validate with."""
    assert arguments.hyperparameters is not None
    max_len, seed = arguments.hyperparameters.max_seq_len, arguments.hyperparameters.seed
    phase = chat.parse_data_split(arguments.data_split)
    meta = {"chat_hash": chat_format.hash, "max_seq_len": max_len}
    train = chat.TokenCacheWriter(caches / "train")
    validation = chat.TokenCacheWriter(caches / "validation")

    def side_of(key: bytes) -> chat.TokenCacheWriter | None:
        if not chat.in_phase(key, phase, seed):
            return None
        return validation if chat.in_validation(key, share=arguments.validation_share, seed=seed) else train

    _write_file(Path(arguments.data_path), chat_format, max_len, side_of)
    if arguments.validation_path is not None:
        _write_file(Path(arguments.validation_path), chat_format, max_len, lambda key: validation)
    train.close(meta)
    validation.close(meta)
    return validation.num_rows > 0


def _write_file(path: Path, chat_format: "chat.ChatFormat", max_len: int, side_of: "SideOf") -> None:
    """Write the conversations, or the plain texts, of a file to the caches that they belong to."""
    if path.suffix.lower() in TEXT_SUFFIXES:
        _write_texts(_lines(path), chat_format, max_len, side_of, joins_lines=True)
        return
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        return
    rows = itertools.chain([first], rows)
    if _is_text(first[1]):
        _write_texts((_text(where, value) for where, value in rows), chat_format, max_len, side_of, joins_lines=False)
        return
    for where, value in rows:
        conversation = _conversation(where, value)
        if (side := side_of(conversation.canonical_key())) is not None:
            side.add(_render(chat_format, where, conversation, max_len))


def _write_texts(
    texts: Iterable[str], chat_format: "chat.ChatFormat", max_len: int, side_of: "SideOf", *, joins_lines: bool
) -> None:
    """Put texts into windows, block by block as the platform does: each separately, or all as one text."""
    rest = iter(texts)
    while block := list(itertools.islice(rest, chat.LINES_AT_ONCE)):
        for text in chat.join_lines(block) if joins_lines else block:
            if (side := side_of(chat.document_key(text))) is not None:
                packed, _ = chat.pack_documents(chat_format, [text], max_len=max_len, are_whole=not joins_lines)
                side.add_packed(packed)


def _is_text(value: Any) -> bool:
    return isinstance(value, dict) and "text" in value and not {"messages", "conversations"} & value.keys()


def _text(where: Message, value: Any) -> str:
    if not _is_text(value):
        raise Failure("bad_data", message("is_no_text", where=where))
    if not isinstance(value["text"], str) or not value["text"].strip():
        raise Failure("bad_data", message("has_no_text", where=where))
    return value["text"]


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text that are not blank."""
    for line in _read(path).split("\n"):
        if line.encode().strip():
            yield line.removesuffix("\r")


def _conversation(where: Message, value: Any) -> "chat.Conversation":
    try:
        return chat.parse_row(value)
    except chat.ChatError as error:
        raise Failure("bad_data", message("at_place", where=where, reason=error.message)) from error


def _render(
    chat_format: "chat.ChatFormat", where: Message, conversation: "chat.Conversation", max_len: int
) -> "chat.Rendered":
    try:
        return chat_format.render(conversation).truncate(max_len)
    except chat.ChatError as error:
        raise Failure("bad_data", message("at_place", where=where, reason=error.message)) from error


def _rows(path: Path) -> Iterator[tuple[Message, Any]]:
    """Yield (place, value) of each conversation in a JSONL file or a JSON array."""
    text = _read(path)
    if text.lstrip().startswith("["):
        for number, value in enumerate(_parse(text, as_written(path)), 1):
            yield message("conversation_of_file", number=number, file=path.name), value
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = message("line_of_file", line=number, file=path.name)
            yield where, _parse(line, where)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("bad_data", message("file_unreadable", path=str(path), error=str(error))) from error


def _parse(text: str, where: Message) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure("bad_data", message("is_no_json", where=where, error=str(error))) from error


def _spec(arguments: Arguments, caches: Path, *, has_validation: bool) -> dict[str, Any]:
    assert arguments.hyperparameters is not None
    model = Path(arguments.model_name_or_path).resolve()
    parent = str(Path(arguments.parent_path).resolve()) if arguments.parent_path else None
    optional = {
        "parent_path": parent,
        "threads": arguments.threads,
        "validation_data": str(caches / "validation") if has_validation else None,
    }
    return {
        "version": 1,
        "kind": "training",
        "model_path": str(model),
        "model_name": model.name,
        "train_data": str(caches / "train"),
        "world_size": arguments.world_size,
        "dtype": arguments.dtype,
        "save_steps": arguments.save_steps,
        "keep_checkpoints": arguments.save_total_limit,
        "eval_steps": arguments.eval_steps,
        "hyperparameters": dataclasses.asdict(arguments.hyperparameters),
        **{name: value for name, value in optional.items() if value is not None},
    }
