"""Rows by their keys: where the next page of a list begins, so that page 1,000 costs what page 1 does; and one row."""

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)


def beyond(created_at: datetime, pk: Any, *, newest_first: bool = True) -> Q:
    """Return what comes after such a row in a list ordered by `created_at` and key, newest first or last.

    The first condition follows from the others; the database needs it to begin in the index at that place instead of
    walking there from the list's beginning.
    """
    before = "lt" if newest_first else "gt"
    place = Q(**{f"created_at__{before}": created_at}) | Q(**{f"pk__{before}": pk})
    return Q(**{f"created_at__{before}e": created_at}) & place


def one_of(rows: QuerySet[M]) -> M | None:
    """Return the row of `rows`, which has one or none.

    `first()` would order them, for which Django compares each of their columns with each of the order's: a quarter of
    what a request for one job costs.
    """
    return next(iter(rows.order_by()[:1]), None)
