"""Headers of the answer to come: noted where they are known, put on whatever answers the request."""

from contextvars import ContextVar

_noted: ContextVar[dict[str, str] | None] = ContextVar("answer_headers", default=None)


def begin() -> dict[str, str]:
    """Return where the headers of a new request are noted, by whatever thread works for it."""
    noted: dict[str, str] = {}
    _noted.set(noted)
    return noted


def add(name: str, value: str) -> None:
    """Put a header on the answer; outside of a request there is none to put it on."""
    if (noted := _noted.get()) is not None:
        noted[name] = value
