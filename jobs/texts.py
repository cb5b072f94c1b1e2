"""Which texts can be stored and sent on."""


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes `text`: no NUL, no half of a surrogate pair (JSON can carry both)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
