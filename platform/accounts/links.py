"""Links that work once: invitations into a team, and new passwords for people who have lost theirs."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.members import check_role, lock_team
from accounts.messages import message
from accounts.models import AuditEvent, Link, Membership, Team, User
from common.errors import NotFound, UserError

INVITATION_HOURS = 7 * 24
PASSWORD_HOURS = 24
KEPT_DAYS = 30
"""So long one that leads nowhere any more stays, to be looked up."""


def address_of(kind: str, token: str) -> str:
    """Return what is sent to a person; kind "invitation" or "new-password"."""
    return f"{settings.PUBLIC_URL}/{kind}/{token}"


def open_invitations(team: Team) -> QuerySet[Link]:
    """Return those into `team` that still lead somewhere, the newest first."""
    return Link.objects.open().invitations(team).select_related("created_by")


@transaction.atomic
def invite(*, team: Team, email: str, role: str, by: User) -> tuple[Link, str]:
    """Return an invitation into `team` with its address; an earlier one for the same email is revoked."""
    email = email.strip().lower()
    if "@" not in email or "\0" in email:
        raise UserError(message("invalid_email", email=email[:100]), param="email")
    lock_team(team, by=by)
    chosen = check_role(role)
    if Membership.objects.filter(team=team, user__email=email).exists():
        raise UserError(message("member_exists", email=email), param="email", status=409)
    Link.objects.open().filter(team=team, email=email).revoke()
    link, token = Link.issue(hours=INVITATION_HOURS, email=email, team=team, role=chosen, created_by=by)
    AuditEvent.record(actor=by, team=team, action="member.invited", target=email, role=chosen, link=link.pk)
    return link, address_of("invitation", token)


@transaction.atomic
def revoke_invitation(*, team: Team, link_id: str, by: User) -> Link:
    """Make an invitation into `team` lead nowhere."""
    lock_team(team, by=by)
    link = Link.objects.open().filter(team=team, pk=link_id).first() if "\0" not in link_id else None
    if link is None:
        raise NotFound(message("no_invitation"), code="invitation_not_found")
    Link.objects.filter(pk=link.pk).revoke()
    before = {"role": link.role, "link": link.pk}
    AuditEvent.record(actor=by, team=team, action="member.uninvited", target=link.email, before=before)
    return link


@transaction.atomic
def make_password_link(*, user: User, by: User) -> tuple[Link, str]:
    """Return a link by which `user` chooses a new password, with its address; an earlier one is revoked."""
    if not by.is_staff:
        raise UserError(message("administrator_needed"), status=403)
    Link.objects.open().filter(team=None, email=user.email).revoke()
    link, token = Link.issue(hours=PASSWORD_HOURS, email=user.email, created_by=by)
    AuditEvent.record(actor=by, action="password.link_made", target=user.email, link=link.pk)
    return link, address_of("new-password", token)


def find_invitation(token: str) -> Link:
    """Return the open invitation with this token; NotFound for any other."""
    return _found(Link.objects.open().exclude(team=None).select_related("team"), token)


def find_password_link(token: str) -> tuple[Link, User]:
    """Return the open link for a new password with this token, and whose it is; NotFound for any other."""
    link = _found(Link.objects.open().filter(team=None), token)
    user = User.objects.filter(email=link.email, is_active=True).first()
    if user is None:
        raise NotFound(message("link_over"), code="link_over")
    return link, user


@transaction.atomic
def accept_with_account(*, token: str, by: User) -> Membership:
    """Take `by`, whom the invitation is for, into its team."""
    link = _used(find_invitation(token))
    if by.email != link.email:
        raise UserError(message("invitation_for_another", email=link.email), status=403)
    return _join(link, by)


@transaction.atomic
def accept_as_new_person(*, token: str, name: str, password: str) -> User:
    """Make an account for whom the invitation is for, and take it into the team.

    Never one that there is: whoever holds the link would get into it, and whoever invites holds the link.
    """
    link = _used(find_invitation(token))
    if User.objects.filter(email=link.email).exists():
        raise UserError(message("account_exists", email=link.email), status=409)
    user = User.objects.create_user(link.email, password, name=name)
    AuditEvent.record(actor=user, action="person.added", target=user.email, link=link.pk)
    _join(link, user)
    return user


@transaction.atomic
def reset_password(*, token: str, password: str) -> User:
    """Give the person whose link it is a new password; every session of theirs ends."""
    link, user = find_password_link(token)
    _used(link)
    user.set_password(password)
    user.save(update_fields=["password"])
    AuditEvent.record(actor=user, action="password.reset", target=user.email, link=link.pk)
    return user


@transaction.atomic
def change_password(*, user: User, password: str) -> None:
    """Give a person who has just said the old password another one; every other session of theirs ends."""
    user.set_password(password)
    user.save(update_fields=["password"])
    Link.objects.open().filter(team=None, email=user.email).revoke()
    AuditEvent.record(actor=user, action="password.changed", target=user.email)


def forget_links() -> None:
    """Delete links that have led nowhere for long."""
    Link.objects.filter(expires_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()


def _found(links: QuerySet[Link], token: str) -> Link:
    link = links.filter(digest=Link.digest_of(token)).first()
    if link is None:
        raise NotFound(message("link_over"), code="link_over")
    return link


def _used(link: Link) -> Link:
    """Mark a link as used, which of two at once only one can."""
    if not Link.objects.open().filter(pk=link.pk).update(used_at=timezone.now()):
        raise NotFound(message("link_over"), code="link_over")
    return link


def _join(link: Link, user: User) -> Membership:
    assert link.team is not None
    lock_team(link.team, by=None)
    if Membership.objects.filter(team=link.team, user=user).exists():
        raise UserError(message("member_exists", email=user.email), status=409)
    made = Membership.ensure(team=link.team, user=user, role=check_role(link.role))
    AuditEvent.record(
        actor=user, team=link.team, action="member.added", target=user.email, role=made.role, link=link.pk
    )
    return made
