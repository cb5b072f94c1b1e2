"""What can be done with people, teams and keys."""

import secrets

from django.db import transaction

from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from common.errors import NotFound, UserError

DEFAULT_TEAM = "Default"


@transaction.atomic
def ensure_user(*, email: str, admin: bool = False) -> User:
    """Return the person with this email, made if there is none; `admin` makes an administrator of them."""
    email = email.strip().lower()
    if "@" not in email:
        raise UserError(f"{email!r} is not an email address.", code="invalid_email", param="email")
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    if admin and not user.is_staff:
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
    return user


@transaction.atomic
def ensure_team(*, name: str, member: User | None = None) -> Team:
    """Return the team of this name, made if there is none, with `member` in it."""
    team = Team.objects.filter(name=name).first() or Team.create(name=name)
    if member is not None:
        Membership.objects.get_or_create(team=team, user=member, defaults={"role": Membership.Role.OWNER})
    return team


@transaction.atomic
def create_api_key(*, email: str, team_name: str | None = None, admin: bool = False, name: str = "") -> str:
    """Make a key for a person in a team, both made if missing, and return its secret.

    `admin` makes an administrator of the person, and gives the key an administrator's powers: no other key has them.
    """
    user = ensure_user(email=email, admin=admin)
    first = Team.objects.of(user).order_by("memberships__id").first()
    team = ensure_team(name=team_name or (first.name if first else DEFAULT_TEAM), member=user)
    key, secret = ApiKey.issue(user=user, team=team, name=name, is_admin=admin)
    AuditEvent.record(actor=user, team=team, action="api_key.created", target=key.id)
    return secret


@transaction.atomic
def revoke_api_key(*, key_id: str, team: Team, by: User) -> None:
    """Make a key of `team` worthless from now on."""
    key = ApiKey.objects.filter(pk=key_id, team=team, revoked_at=None).first()
    if key is None:
        raise NotFound("This API key does not exist.", code="api_key_not_found")
    key.revoke()
    AuditEvent.record(actor=by, team=team, action="api_key.revoked", target=key.id)


@transaction.atomic
def ensure_first_login(*, email: str) -> str | None:
    """Make the first administrator with a random password and return it; None when somebody can sign in already."""
    if User.objects.filter(is_active=True).exclude(password__startswith="!").exists():  # noqa: S106 - the mark of no password
        return None
    user = ensure_user(email=email, admin=True)
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save(update_fields=["password"])
    ensure_team(name=DEFAULT_TEAM, member=user)
    return password
