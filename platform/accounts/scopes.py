"""What an API key may do: a key without scopes everything but administer the platform, one with scopes only that.

Which scope a route asks for is said in one place: an app has one (`scope` of its AppConfig), a view may name another.
To read asks for that or for `read`, or for one of those that app or view name in `read_scopes`. Roles are asked as
well: a scope gives nobody more than their role.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import apps

from accounts.messages import message
from accounts.models import Scope
from common.errors import UserError

READING = frozenset({"GET", "HEAD", "OPTIONS"})


class ScopeNeeded(UserError):
    """The key is a good one, but was not made for this."""

    status = 403

    def __init__(self, scope: str, held: Sequence[str]) -> None:
        said = message("scope_needed", scope=scope, scopes=", ".join(held))
        super().__init__(said if held else message("scope_needed_by_unscoped", scope=scope), code="scope_needed")


def needed_scopes(view: Any, method: str | None) -> list[str]:
    """Return the scopes of which a key needs one for `view`: a view's, a function's or their app's."""
    app = apps.get_containing_app_config(view.__module__)
    own = str(getattr(view, "scope", None) or getattr(app, "scope", Scope.ADMIN))
    if method not in READING:
        return [own]
    others: Sequence[str] = getattr(view, "read_scopes", ()) or getattr(app, "read_scopes", ())
    return list(dict.fromkeys([Scope.READ.value, own, *map(str, others)]))


def require_scope(held: Sequence[str], view: Any, method: str | None) -> None:
    """Raise ScopeNeeded where a key that has `held` may not use `view`; one without scopes is not limited by them."""
    needed = needed_scopes(view, method)
    if held and not set(needed) & set(held):
        raise ScopeNeeded(needed[0], held)
