"""From the options of a command line to a run directory: read, check, split and tokenise the conversations."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chat
from rundir import RunDirectory, write_atomically, write_json
from trainer.command_line import READY, Arguments
from trainer.failures import Failure


def build_run_directory(arguments: Arguments, launch: str) -> RunDirectory:
    """Write spec.json, chat files and token caches under `output_dir`; raise Failure with the line that is wrong."""
    try:
        return _build(arguments, launch)
    except chat.ChatError as error:
        raise Failure(error.code, str(error)) from error


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
    for where, value in _rows(Path(arguments.data_path)):
        conversation = _conversation(where, value)
        key = conversation.canonical_key()
        if not chat.in_phase(key, phase, seed):
            continue
        held_out = chat.in_validation(key, share=arguments.validation_share, seed=seed)
        (validation if held_out else train).add(_render(chat_format, where, conversation, max_len))
    if arguments.validation_path is not None:
        for where, value in _rows(Path(arguments.validation_path)):
            validation.add(_render(chat_format, where, _conversation(where, value), max_len))
    train.close(meta)
    validation.close(meta)
    return validation.num_rows > 0


def _conversation(where: str, value: Any) -> "chat.Conversation":
    try:
        return chat.parse_row(value)
    except chat.ChatError as error:
        raise Failure("bad_data", f"{where}: {error}") from error


def _render(
    chat_format: "chat.ChatFormat", where: str, conversation: "chat.Conversation", max_len: int
) -> "chat.Rendered":
    try:
        return chat_format.render(conversation).truncate(max_len)
    except chat.ChatError as error:
        raise Failure("bad_data", f"{where}: {error}") from error


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (place, value) of each conversation in a JSONL file or a JSON array."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("bad_data", f"{path} cannot be read: {error}.") from error
    if text.lstrip().startswith("["):
        for number, value in enumerate(_parse(text, str(path)), 1):
            yield f"Conversation {number} of {path.name}", value
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"Line {number} of {path.name}", _parse(line, f"Line {number} of {path.name}")


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure("bad_data", f"{where} is not JSON: {error}.") from error


def _spec(arguments: Arguments, caches: Path, *, has_validation: bool) -> dict[str, Any]:
    assert arguments.hyperparameters is not None
    model = Path(arguments.model_name_or_path).resolve()
    optional = {"threads": arguments.threads, "validation_data": str(caches / "validation") if has_validation else None}
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
