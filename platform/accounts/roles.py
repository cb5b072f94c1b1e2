"""What a role in a team allows: a viewer reads, a member makes data, jobs, models and deployments, an owner decides.

Which role a route asks for is said in one place. To read asks for a viewer and anything else for a member, unless a
view says otherwise: `roles` of an API view by method, `@needs` of a page. Whether somebody's work may be changed is
asked where it is changed, by `require_own`.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from django.http import HttpRequest

from accounts.messages import message
from accounts.models import Membership, Team, User
from common.errors import UserError

Role = Membership.Role
View = TypeVar("View", bound=Callable[..., Any])

READING = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = (*READING, "POST", "PUT", "PATCH", "DELETE")
SHOWN_OWNERS = 3
_REFUSALS = {
    (Role.MEMBER, Role.VIEWER): "member_needed",
    (Role.OWNER, Role.MEMBER): "owner_needed_by_member",
    (Role.OWNER, Role.VIEWER): "owner_needed_by_viewer",
}
"""Codes of messages, by the role that is needed and the one that is held."""


class RoleNeeded(UserError):
    """The person is in the team, but this is not theirs to do."""

    status = 403

    def __init__(self, code: str, *, team: Team) -> None:
        owners = Membership.objects.filter(team=team, role=Role.OWNER, user__is_active=True).order_by("pk")
        emails = list(owners.values_list("user__email", flat=True)[:SHOWN_OWNERS])
        who = message("owners_can_change", owners=emails) if emails else message("administrator_can_change")
        super().__init__(message(code, team=team.name).followed_by(who), code="role_needed")


def needs(role: Role, *methods: str) -> Callable[[View], View]:
    """Have a page require `role`, for every method or for `methods` alone."""

    def mark(view: View) -> View:
        view.roles = dict.fromkeys(methods or METHODS, role)  # type: ignore[attr-defined]
        return view

    return mark


def needed_role(view: Any, method: str | None) -> Role:
    """Return the role that a view asks for."""
    rules: Mapping[str, Role] = getattr(view, "roles", {})
    by_default = Role.VIEWER if method in READING else Role.MEMBER
    return rules.get(method or "", by_default)


def role_of(*, user: User, team: Team) -> Role | None:
    """Return the role of `user` in `team`; None for a person who is not in it."""
    found = Membership.objects.filter(user=user, team=team).values_list("role", flat=True).first()
    return Role(found) if found else None


def require_role(role: Role, *, user: User, team: Team) -> None:
    """Raise RoleNeeded unless `user` has `role` in `team`, or one that includes it."""
    if role == Role.VIEWER:
        return  # whoever is in the team is one at least
    held = role_of(user=user, team=team)
    if held is None or not held.includes(role):
        raise RoleNeeded(_REFUSALS[role, held or Role.VIEWER], team=team)


def require_own(*, by: User | None, team: Team, author_id: int | None) -> None:
    """Raise RoleNeeded unless the work is that of `by`, or `by` owns the team; None is the platform itself."""
    if by is None or by.pk == author_id or role_of(user=by, team=team) == Role.OWNER:
        return
    raise RoleNeeded("author_needed", team=team)


class Powers:
    """What the person at a page may do in the team; asked of the database once, and only where a page wonders."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def role(self) -> Role | None:
        team = getattr(self._request, "team", None)
        return role_of(user=self._request.user, team=team) if team else None  # type: ignore[arg-type]

    @property
    def make(self) -> bool:
        """Data, jobs, models, deployments and keys."""
        return self.role is not None and self.role.includes(Role.MEMBER)

    @property
    def own(self) -> bool:
        """Everybody's work, keys and roles."""
        return self.role == Role.OWNER

    def change(self, author_id: int | None) -> bool:
        """Whether this person may change or delete what `author_id` has made."""
        return self.own or (self.make and author_id == self._request.user.pk)
