"""Which texts can be stored and sent on."""


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
