"""Where a request comes from: its address, behind proxies the person's own, and the key that it was sent with.

The audit reads it where something is recorded, so that no use case has to hand it on.
"""

from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Empty outside of a request: in workers and commands."""

    address: str = ""
    key: str = ""
    """The id of an API key; "" in the console."""


_NOWHERE = Origin()
current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def begin(address: str) -> None:
    """Make `address` that of the current request, whose key is not known yet."""
    current.set(Origin(address=address[:60]))


def by_key(key_id: str) -> None:
    """Record the key that the current request was sent with."""
    current.set(replace(current.get(), key=key_id))
