"""What can be done with the people of a team."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.messages import message
from accounts.models import ApiKey, AuditEvent, Link, Membership, Team, User
from accounts.roles import require_role
from common.errors import NotFound, UserError

Role = Membership.Role


def get_member(*, team: Team, member_id: str) -> Membership:
    """Return the membership in `team` of the person with this id; NotFound for everybody else."""
    is_number = member_id.isascii() and member_id.isdigit() and len(member_id) < 12
    members = Membership.objects.filter(team=team).select_related("user", "team")
    found = members.filter(user_id=int(member_id)).first() if is_number else None
    if found is None:
        raise NotFound(message("member_not_found", member=member_id[:40]))
    return found


def members_of(team: Team) -> QuerySet[Membership]:
    """Return the people of `team` in the order in which they came."""
    return Membership.objects.filter(team=team).select_related("user").order_by("pk")


@transaction.atomic
def add_member(*, team: Team, email: str, role: str = Role.MEMBER, by: User) -> Membership:
    """Take a person whom the platform knows into `team`."""
    email = email.strip().lower()
    user = User.objects.filter(email=email, is_active=True).first() if "\0" not in email else None
    lock_team(team, by=by)
    if user is None:
        raise UserError(message("unknown_person", email=email[:100]), param="email")
    if Membership.objects.filter(team=team, user=user).exists():
        raise UserError(message("member_exists", email=email), param="email", status=409)
    membership = Membership.ensure(team=team, user=user, role=check_role(role))
    AuditEvent.record(actor=by, team=team, action="member.added", target=email, role=role)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: User | None) -> Membership:
    """Give a person another role; refused where it would leave the team without an owner. `by` None: the platform."""
    chosen = check_role(role)
    membership = _locked(membership, by=by)
    if chosen == membership.role:
        return membership
    _require_another_owner(membership)
    before = {"role": membership.role}
    membership.role = chosen
    membership.save(update_fields=["role"])
    if chosen != Role.OWNER:
        _withdraw(team=membership.team, user=membership.user)
    AuditEvent.record(
        actor=by,
        team=membership.team,
        action="member.role_changed",
        target=membership.user.email,
        before=before,
        role=role,
    )
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: User) -> None:
    """Take a person out of the team; their keys of it are worthless from now on, their work stays."""
    membership = _locked(membership, by=by)
    _require_another_owner(membership)
    team, user = membership.team, membership.user
    # For good: they must not come back to life with the person.
    ApiKey.objects.filter(team=team, user=user, revoked_at=None).update(revoked_at=timezone.now())
    before = {"role": membership.role}
    membership.delete()
    _withdraw(team=team, user=user)
    AuditEvent.record(actor=by, team=team, action="member.removed", target=user.email, before=before)


def lock_team(team: Team, *, by: User | None) -> None:
    """Lock the team's people, so that two owners cannot take each other's role at once.

    Of two the second may have lost the right by what the first did, so it is asked for once more; an administrator's
    comes from no role.
    """
    Team.objects.select_for_update().get(pk=team.pk)
    if by is not None and not by.is_staff:
        require_role(Role.OWNER, user=by, team=team)


def _locked(membership: Membership, *, by: User | None) -> Membership:
    """Return it as it is now, its team's people locked."""
    lock_team(membership.team, by=by)
    found = Membership.objects.select_related("user", "team").filter(pk=membership.pk).first()
    if found is None:
        raise NotFound(message("member_gone"), code="member_not_found")
    return found


def _withdraw(*, team: Team, user: User) -> None:
    """Revoke the invitations of somebody who may invite no more."""
    Link.objects.open().filter(team=team, created_by=user).revoke()


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(team=membership.team_id, role=Role.OWNER, user__is_active=True)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise UserError(message("last_owner", email=membership.user.email), status=409)


def check_role(role: str) -> Role:
    """Return the role of this name."""
    if role not in Role.values:
        raise UserError(
            message("unknown_team_role", role=role[:40], roles=Role.values), code="unknown_role", param="role"
        )
    return Role(role)
