"""The id of a request: on its answer as x-request-id, and on every log line that is written while it is answered."""

import re
import secrets
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered; "" outside of one."""
PLAIN = re.compile(r"[A-Za-z0-9._-]{8,64}")


def begin(given: str = "") -> str:
    """Make `given`, where it is short and plain, or a new id the current one, and return it."""
    request_id = given if PLAIN.fullmatch(given) else f"req_{secrets.token_hex(12)}"
    current.set(request_id)
    return request_id
