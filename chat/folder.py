"""Reads the chat files of a model's folder and writes them back."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat.errors import ChatError
from chat.messages import message

SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True, kw_only=True)
class ChatFolder:
    """What a model's folder says about conversations."""

    tokenizer_json: bytes
    tokenizer_config: dict[str, Any]
    template: str | None
    """The model's own template."""
    special_tokens: dict[str, str]
    """bos_token, eos_token and so on, as templates see them."""
    eos_ids: tuple[int, ...]
    """From generation_config.json and config.json."""
    generation_config: dict[str, Any] = field(default_factory=dict)
    special_tokens_map: dict[str, Any] | None = None


def read_folder(folder: Path) -> ChatFolder:
    """Read the chat files in `folder`; ChatError names the file that is missing or broken."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ChatError(message("tokenizer_missing", folder=folder.name))
    config = _json(folder / "tokenizer_config.json") or {}
    special_map = _json(folder / "special_tokens_map.json")
    generation = _json(folder / "generation_config.json") or {}
    special = _special_tokens(special_map or {}) | _special_tokens(config)
    return ChatFolder(
        tokenizer_json=file.read_bytes(),
        tokenizer_config=config,
        template=_template(folder, config),
        special_tokens=special,
        eos_ids=_eos_ids(generation) + _eos_ids(_json(folder / "config.json") or {}),
        generation_config=generation,
        special_tokens_map=special_map,
    )


def write_folder(
    folder: Path, source: ChatFolder, *, template: str, stop_ids: tuple[int, ...], pad_id: int | None
) -> None:
    """Write the files from which plain Transformers and `read_folder` read the same format."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes(source.tokenizer_json)
    (folder / "chat_template.jinja").write_bytes(template.encode())
    # The template has one place only: its file.
    config = {key: value for key, value in source.tokenizer_config.items() if key != "chat_template"}
    _write_json(folder / "tokenizer_config.json", config)
    if source.special_tokens_map is not None:
        _write_json(folder / "special_tokens_map.json", source.special_tokens_map)
    generation = dict(source.generation_config) | {"eos_token_id": list(stop_ids)}
    if pad_id is not None:
        generation.setdefault("pad_token_id", pad_id)
    _write_json(folder / "generation_config.json", generation)


def _template(folder: Path, config: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.is_file():
        try:
            return file.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise ChatError(message("file_not_utf8", file=file.name), code="template_invalid") from error
    template = config.get("chat_template")
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, dict)}
        template = named.get("default")
    return template if isinstance(template, str) and template.strip() else None


def _special_tokens(config: dict[str, Any]) -> dict[str, str]:
    found = {}
    for name in SPECIAL_NAMES:
        value = config.get(name)
        value = value.get("content") if isinstance(value, dict) else value
        if isinstance(value, str):
            found[name] = value
    return found


def _eos_ids(config: dict[str, Any]) -> tuple[int, ...]:
    value = config.get("eos_token_id")
    values = value if isinstance(value, list) else [value]
    return tuple(item for item in values if isinstance(item, int) and not isinstance(item, bool))


def _json(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        value = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ChatError(message("file_not_json", file=file.name), code="tokenizer_invalid") from error
    if not isinstance(value, dict):
        raise ChatError(message("file_not_a_json_object", file=file.name), code="tokenizer_invalid")
    return value


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
