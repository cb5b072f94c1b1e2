"""What a line of the log says besides its message: the request, job, attempt and Run that it is about."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from common import request_ids

_about: ContextVar[dict[str, str] | None] = ContextVar("log_about", default=None)
"""None where nothing in particular is worked at: then `add` notes nothing, as nobody would take it away again."""


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Put ids, such as run="run-…", on every line that this thread logs meanwhile."""
    token = _about.set({**(_about.get() or {}), **_texts(ids)})
    try:
        yield
    finally:
        _about.reset(token)


def add(**ids: object) -> None:
    """Put further ids on the lines until the innermost `about` ends."""
    known = _about.get()
    if known is not None:
        _about.set({**known, **_texts(ids)})


def ids() -> dict[str, str]:
    """Return what the lines of this thread carry now."""
    request_id = request_ids.current.get()
    return {**({"request_id": request_id} if request_id else {}), **(_about.get() or {})}


def _texts(ids: dict[str, object]) -> dict[str, str]:
    return {f"{name}_id": str(value) for name, value in ids.items()}


class Filter(logging.Filter):
    """Give each record the ids of what it is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_ids.current.get() or "-"
        record.about = _about.get() or {}
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line, as log collectors read them."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = getattr(record, "request_id", "-")
        if request_id != "-":
            line["request_id"] = request_id
        line |= getattr(record, "about", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
