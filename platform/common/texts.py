"""Which texts can be stored and sent on."""

from typing import Any


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes `text`: no NUL, no half of a surrogate pair (JSON can carry both)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def sendable(text: str) -> str:
    """Return the start of `text` as a reply can carry it, whatever somebody sent."""
    return text[:80].encode("utf-8", "replace").decode().replace("\0", "?")


def storable(value: Any) -> Any:
    """Return JSON's `value` with every text as PostgreSQL takes it: no NUL, no half characters."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {storable(key): storable(part) for key, part in value.items()}
    return [storable(part) for part in value] if isinstance(value, list) else value
