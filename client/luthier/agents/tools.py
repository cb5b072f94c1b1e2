"""The tools: what each is for, what it takes, which scope of a key it asks for, and the requests that it is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from luthier.agents.requests import Requests

Scope = Literal["read", "data", "train", "serve"]
Arguments = dict[str, Any]
Work = Callable[[Requests, Arguments], Awaitable[Any]]
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
DRY = {"dry_run": {"type": "boolean", "default": False, "description": "Say what would be made; make nothing."}}


@dataclass(frozen=True)
class Tool:
    """A tool as an agent sees it."""

    name: str
    title: str
    about: str
    scopes: tuple[str, ...]
    """A key needs one of them; one without scopes has all."""
    work: Work
    takes: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    is_reading: bool = True
    is_destructive: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        found = {"type": "object", "properties": self.takes, "additionalProperties": False}
        return {**found, "required": list(self.needs)} if self.needs else found

    def is_open_to(self, held: Sequence[str] | None) -> bool:
        """Whether a key that has these scopes may use it; None: a key without scopes."""
        return not held or bool(set(self.scopes) & set(held))


TOOLS: dict[str, Tool] = {}


def tool(
    title: str, about: str, *scopes: Scope, takes: dict[str, Any] | None = None, needs: tuple[str, ...] = (),
    makes: bool = False, destroys: bool = False,
) -> Callable[[Work], Work]:  # fmt: skip
    """Register a function as a tool under its own name; what makes something takes `dry_run` as well."""

    def register(work: Work) -> Work:
        name = getattr(work, "__name__", "")
        fields = {**(takes or {}), **(DRY if makes or destroys else {})}
        TOOLS[name] = Tool(name, title, about, scopes, work, fields, needs, not (makes or destroys), destroys)
        return work

    return register


def text(about: str, **more: Any) -> dict[str, Any]:
    return {**TEXT, "description": about, **more}


def number(about: str, least: int, most: int, usual: int) -> dict[str, Any]:
    return {"type": "integer", "description": about, "minimum": least, "maximum": most, "default": usual}


def open_to(held: Sequence[str] | None) -> list[Tool]:
    """Return the tools that a key with these scopes may use."""
    return [one for one in TOOLS.values() if one.is_open_to(held)]
