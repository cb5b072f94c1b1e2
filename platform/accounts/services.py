"""What can be done with people, teams and keys."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.members import change_role, get_member
from accounts.messages import message
from accounts.models import PLATFORM_TEAM, ApiKey, ApiKeyQuerySet, AuditEvent, Membership, Scope, Team, User
from accounts.roles import require_own, require_role, role_of
from accounts.scopes import ScopeNeeded
from common.days import clock_of
from common.errors import NotFound, UserError
from common.texts import is_storable

DEFAULT_TEAM = "Default"
LONGEST_LIFE = timedelta(days=1100)
"""Of a key that expires at all."""


@transaction.atomic
def ensure_user(*, email: str, admin: bool = False) -> User:
    """Return the person with this email, made if there is none; `admin` makes an administrator of them."""
    email = email.strip().lower()
    if "@" not in email:
        raise UserError(message("invalid_email", email=email), param="email")
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email)
        AuditEvent.record(actor=None, action="person.added", target=email)
    if admin and not user.is_staff:
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
        AuditEvent.record(actor=None, action="person.made_administrator", target=email)
    return user


@transaction.atomic
def ensure_team(*, name: str, member: User | None = None, role: Membership.Role | None = None) -> Team:
    """Return the team of this name, made if there is none, with `member` in it: as `role` if new, else as usual."""
    if name.strip().lower() == PLATFORM_TEAM:
        raise UserError(message("invalid_team", team=name), param="team")
    team = Team.objects.filter(name=name).first()
    if team is None:
        team = Team.create(name=name)
        AuditEvent.record(actor=None, team=team, action="team.created", target=team.slug, name=name)
    if member is not None and not Membership.objects.filter(team=team, user=member).exists():
        made = Membership.ensure(team=team, user=member, role=role)
        AuditEvent.record(actor=None, team=team, action="member.added", target=member.email, role=made.role)
    return team


@transaction.atomic
def create_api_key(
    *,
    email: str,
    team_name: str | None = None,
    admin: bool = False,
    name: str = "",
    role: str | None = None,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> str:
    """Make a key for a person in a team, both made if missing, and return its secret.

    `role` is given to the person in the team; None leaves it, and makes the first of a team its owner. `admin` makes
    an administrator of the person, and gives the key every scope where none are named.
    """
    user = ensure_user(email=email, admin=admin)
    first = Team.objects.of(user).order_by("memberships__id").first()
    team = ensure_team(name=team_name or (first.name if first else DEFAULT_TEAM), member=user)
    if role is not None:
        change_role(membership=get_member(team=team, member_id=str(user.pk)), role=role, by=None)
    if admin and not scopes:
        scopes = Scope.values
    return issue_api_key(user=user, team=team, scopes=scopes, name=name, expires_at=expires_at)[1]


@transaction.atomic
def issue_api_key(
    *,
    user: User,
    team: Team,
    name: str = "",
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    limits: dict[str, int] | None = None,
    by_key: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """Make a key of `user`, who is in `team`, and return it with its secret.

    UserError for scopes and an end beyond those of the key that asks, and for an end that is over or too far away.
    """
    _require_scopes(scopes, user=user, team=team, by_key=by_key)
    _require_soon(expires_at)
    _require_no_later(expires_at, by_key)
    key, secret = ApiKey.issue(user=user, team=team, name=name, scopes=scopes, expires_at=expires_at, limits=limits)
    AuditEvent.record(actor=user, team=team, action="api_key.created", target=key.id, **_told(key))
    return key, secret


@transaction.atomic
def rotate_api_key(
    *, key_id: str, team: Team, by: User, overlap: timedelta, by_key: ApiKey | None = None
) -> tuple[ApiKey, str]:
    """Make a key that may do the same, and let the old one end after `overlap`; return the new one with its secret."""
    old = get_api_key(key_id=key_id, team=team, by=by, for_change=True)
    if old.user_id != by.pk:
        raise UserError(message("key_of_another", holder=old.user.email), code="not_your_key", status=403)
    if old.expires_at is not None and old.is_expired:
        raise UserError(message("key_expired_already", when=clock_of(old.expires_at)), code="expired_key", status=409)
    _require_scopes(old.scopes, user=by, team=team, by_key=by_key)
    expires_at = _as_long_again(old)
    if by_key is not None and by_key.pk != old.pk:  # itself it may replace
        _require_no_later(expires_at, by_key)
    key, secret = ApiKey.issue(
        user=by, team=team, name=old.name, scopes=old.scopes, expires_at=expires_at, limits=old.limits
    )
    end = timezone.now() + overlap
    old.expires_at = end if old.expires_at is None else min(end, old.expires_at)
    old.save(update_fields=["expires_at"])
    AuditEvent.record(actor=by, team=team, action="api_key.rotated", target=old.id, successor=key.id, **_told(key))
    return key, secret


def keys_of(*, team: Team, user: User) -> ApiKeyQuerySet:
    """Return the person's keys in `team`, for owners everybody's; revoked ones are gone."""
    found = ApiKey.objects.filter(team=team, revoked_at=None).select_related("user", "team")
    if role_of(user=user, team=team) != Membership.Role.OWNER:
        found = found.filter(user=user)
    return found.order_by("-created_at", "-pk")


def get_api_key(*, key_id: str, team: Team, by: User, for_change: bool = False) -> ApiKey:
    """Return a key that `by` may see; NotFound for any other."""
    found = keys_of(team=team, user=by)
    if for_change:
        found = found.select_for_update(of=("self",))
    key = found.filter(pk=key_id).first() if is_storable(key_id) else None
    if key is None:
        raise NotFound(message("api_key_not_found"))
    return key


@transaction.atomic
def revoke_api_key(*, key_id: str, team: Team, by: User) -> None:
    """Make a key of `team` worthless from now on: one's own, or as an owner anybody's."""
    key = ApiKey.objects.filter(pk=key_id, team=team, revoked_at=None).first() if is_storable(key_id) else None
    if key is None:
        raise NotFound(message("api_key_not_found"))
    require_own(by=by, team=team, author_id=key.user_id)
    key.revoke()
    before = {"name": key.name, "holder": key.user.email}
    AuditEvent.record(actor=by, team=team, action="api_key.revoked", target=key.id, before=before)


@transaction.atomic
def ensure_first_login(*, email: str) -> str | None:
    """Make the first administrator with a random password and return it; None when somebody can sign in already."""
    if User.objects.filter(is_active=True).exclude(password__startswith="!").exists():  # noqa: S106 - the mark of no password
        return None
    user = ensure_user(email=email, admin=True)
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save(update_fields=["password"])
    ensure_team(name=DEFAULT_TEAM, member=user, role=Membership.Role.OWNER)
    return password


def record_sign_in(*, user: User) -> None:
    AuditEvent.record(actor=user, action="sign_in.succeeded", target=user.email)


def record_lock(whose: Sequence[str]) -> None:
    """Note which accounts were just locked after wrong passwords; "": whatever account the request's address tries.

    Accounts that there are not are left out: anybody can make them up.
    """
    for email in whose:
        if not email or User.objects.filter(email=email).exists():
            AuditEvent.record(actor=None, action="sign_in.locked", target=email)


def _require_scopes(scopes: Sequence[str], *, user: User, team: Team, by_key: ApiKey | None) -> None:
    """Refuse a key that may do more than whoever asks for it."""
    if Scope.ADMIN in scopes and not user.is_staff:
        require_role(Membership.Role.OWNER, user=user, team=team)
    if by_key is None:
        return
    if by_key.scopes and not set(scopes or Scope.values) <= set(by_key.scopes):
        raise UserError(
            message("scopes_beyond_key", scopes=", ".join(by_key.scopes)),
            code="scope_needed",
            param="scopes",
            status=403,
        )
    if Scope.ADMIN in scopes and not by_key.is_admin:
        raise ScopeNeeded(Scope.ADMIN, by_key.scopes)


def _require_soon(expires_at: datetime | None) -> None:
    now = timezone.now()
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise UserError(
            message("key_expiry_refused", days=LONGEST_LIFE.days), code="invalid_value", param="expires_in_days"
        )


def _require_no_later(expires_at: datetime | None, by_key: ApiKey | None) -> None:
    """Refuse a key that outlives the one that asks for it."""
    if by_key is None or by_key.expires_at is None:
        return
    if expires_at is None or expires_at > by_key.expires_at:
        said = message("expiry_beyond_key", when=clock_of(by_key.expires_at))
        raise UserError(said, param="expires_in_days", status=403)


def _as_long_again(old: ApiKey) -> datetime | None:
    """Return the end of a key that lasts as long as `old` did from its making."""
    return None if old.expires_at is None else timezone.now() + (old.expires_at - old.created_at)


def _told(key: ApiKey) -> dict[str, Any]:
    ends = key.expires_at.isoformat() if key.expires_at else None
    return {"name": key.name, "scopes": key.scopes, "expires_at": ends, "limits": key.limits}
