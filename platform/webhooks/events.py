"""What webhooks hear about. Each app registers its own kinds of event in `AppConfig.ready()`, and announces them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of event, by OpenAI's name where OpenAI has one."""

    name: str
    label: str | Promise
    sample: Mapping[str, Any]
    """The `data` of a test event: what a real one has, with an id that nothing has."""
    path: str
    """Where its page is, such as /jobs/{id}, with names of `data`."""


_KINDS: dict[str, Kind] = {}


def register(name: str, label: str | Promise, *, sample: Mapping[str, Any], path: str = "") -> None:
    """Let webhooks hear about `name`; registered before the addresses are read, in `AppConfig.ready()`."""
    _KINDS[name] = Kind(name=name, label=label, sample=sample, path=path)


def kinds() -> list[Kind]:
    return list(_KINDS.values())


def names() -> list[str]:
    return list(_KINDS)


def kind_named(name: str) -> Kind:
    """Return a kind; raises LookupError for one that nobody has registered."""
    return _KINDS[name]
