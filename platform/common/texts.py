"""Which texts can be stored, sent on and shown."""

import re
from typing import Any

# A folder of a machine has two parts at least and begins no address: neither https://host/a/b nor /v1/files is one.
_PATH = re.compile(r"(?<![\w.:/~-])/(?!(?:v1|api|admin)/)(?:[^\s/'\"`:,;()]+/)+[^\s/'\"`:,;()]*")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes `text`: no NUL, no half of a surrogate pair (JSON can carry both)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def sendable(text: str) -> str:
    """Return the start of `text` as a reply can carry it, whatever was sent."""
    return text[:80].encode("utf-8", "replace").decode().replace("\0", "?")


def storable(value: Any) -> Any:
    """Return JSON's `value` with every text as PostgreSQL takes it: no NUL, no half characters."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {storable(key): storable(part) for key, part in value.items()}
    return [storable(part) for part in value] if isinstance(value, list) else value


def without_folders(text: str) -> str:
    """Return `text` with the last part alone of each absolute path."""
    return _PATH.sub(_last_part, text)


def without_folders_inside(value: Any) -> Any:
    """Return JSON's `value` with every text in it as `without_folders` leaves it."""
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, dict):
        return {key: without_folders_inside(part) for key, part in value.items()}
    return [without_folders_inside(part) for part in value] if isinstance(value, list) else value


def _last_part(found: re.Match[str]) -> str:
    path = found[0].rstrip("./")
    end = found[0].removeprefix(path).replace("/", "")  # the full stop of the sentence
    return path.rpartition("/")[2] + end
