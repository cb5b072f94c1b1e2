"""Where the next page of a list begins: at a place in its order, so that page 1,000 costs what page 1 does."""

from datetime import datetime
from typing import Any

from django.db.models import Q


def beyond(created_at: datetime, pk: Any, *, newest_first: bool = True) -> Q:
    """Return what comes after such a row in a list ordered by `created_at` and key, newest first or last.

    The first condition follows from the others; the database needs it to begin in the index at that place instead of
    walking there from the list's beginning.
    """
    before = "lt" if newest_first else "gt"
    place = Q(**{f"created_at__{before}": created_at}) | Q(**{f"pk__{before}": pk})
    return Q(**{f"created_at__{before}e": created_at}) & place
