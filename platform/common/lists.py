"""A page's list, newest first: searched, narrowed, and begun where the reader has got to."""

from collections.abc import Collection
from typing import TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from common.keysets import beyond
from common.texts import is_storable

LONGEST_SEARCH = 100
M = TypeVar("M", bound=Model)


def search_of(request: HttpRequest) -> str:
    """Return what the address asks for by `q`; "" for nothing that could be stored."""
    text = request.GET.get("q", "")[:LONGEST_SEARCH].strip()
    return text if is_storable(text) else ""


def choice_of(request: HttpRequest, name: str, known: Collection[str]) -> str:
    """Return what the address narrows by; "" for what is not among the known values."""
    value = request.GET.get(name, "")
    return value if value in known else ""


def page_of(
    request: HttpRequest, found: QuerySet[M], *, size: int, every: QuerySet[M], **kept: str
) -> tuple[list[M], dict[str, object]]:
    """Return the rows of one page, and what `common/_pages.html` and the search need.

    `every` is what the reader may see at all, in which the row is looked up that the address names by `after`; `kept`
    is what the address narrows the list by, which stays while somebody turns pages.
    """
    after = request.GET.get("after", "")
    last = every.filter(pk=after).first() if after and is_storable(after) else None
    if last is not None:
        found = found.filter(beyond(last.created_at, last.pk))  # type: ignore[attr-defined]
    rows = list(found.order_by("-created_at", "-pk")[: size + 1])
    narrowed = {name: value for name, value in kept.items() if value}
    return rows[:size], {
        **kept,
        "is_narrowed": bool(narrowed),
        "later": urlencode({**narrowed, "after": rows[size - 1].pk}) if len(rows) > size else "",
        "later_word": _("Older"),
        "first": urlencode(narrowed) if last is not None else None,
        "first_word": _("Newest"),
    }
