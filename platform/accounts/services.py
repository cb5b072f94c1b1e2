"""What can be done with people, teams and keys."""

import secrets
from collections.abc import Sequence

from django.db import transaction

from accounts.members import change_role, get_member
from accounts.messages import message
from accounts.models import PLATFORM_TEAM, ApiKey, AuditEvent, Membership, Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError

DEFAULT_TEAM = "Default"


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
    *, email: str, team_name: str | None = None, admin: bool = False, name: str = "", role: str | None = None
) -> str:
    """Make a key for a person in a team, both made if missing, and return its secret.

    `role` is given to the person in the team; None leaves it, and makes the first of a team its owner. `admin` makes
    an administrator of the person, and gives the key an administrator's powers: no other key has them.
    """
    user = ensure_user(email=email, admin=admin)
    first = Team.objects.of(user).order_by("memberships__id").first()
    team = ensure_team(name=team_name or (first.name if first else DEFAULT_TEAM), member=user)
    if role is not None:
        change_role(membership=get_member(team=team, member_id=str(user.pk)), role=role, by=None)
    return issue_api_key(user=user, team=team, admin=admin, name=name)


@transaction.atomic
def issue_api_key(*, user: User, team: Team, admin: bool = False, name: str = "") -> str:
    """Make a key of `user`, who is in `team`, and return its secret."""
    key, secret = ApiKey.issue(user=user, team=team, name=name, is_admin=admin)
    AuditEvent.record(actor=user, team=team, action="api_key.created", target=key.id, name=name, admin=admin)
    return secret


@transaction.atomic
def revoke_api_key(*, key_id: str, team: Team, by: User) -> None:
    """Make a key of `team` worthless from now on: one's own, or as an owner anybody's."""
    key = ApiKey.objects.filter(pk=key_id, team=team, revoked_at=None).first()
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
