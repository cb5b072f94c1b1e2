"""Teams, made and named by administrators."""

from django.db import IntegrityError, transaction

from accounts.messages import message
from accounts.models import PLATFORM_TEAM, AuditEvent, Team, User
from common.errors import UserError


def create_team(*, name: str, by: User) -> Team:
    """Make a team, which nobody is in yet."""
    name = _checked(name)
    try:
        with transaction.atomic():
            team = Team.create(name=name)
            AuditEvent.record(actor=by, team=team, action="team.created", target=team.slug, name=name)
    except IntegrityError:  # also where two at once make it
        raise _taken(name) from None
    return team


def rename_team(*, team: Team, name: str, by: User) -> Team:
    """Give a team another name; its slug stays, by which addresses and the ledger know it."""
    name = _checked(name)
    if name == team.name:
        return team
    before = {"name": team.name}
    try:
        with transaction.atomic():
            Team.objects.filter(pk=team.pk).update(name=name)
            AuditEvent.record(actor=by, team=team, action="team.renamed", target=team.slug, before=before, name=name)
    except IntegrityError:
        raise _taken(name) from None
    team.name = name
    return team


@transaction.atomic
def set_limits(*, team: Team, by: User, **changes: int | None) -> Team:
    """Change what the keys of `team` may ask, by `rate_limits.NAMES`: None is as the platform has it, 0 no limit."""
    team = Team.objects.select_for_update(of=("self",)).get(pk=team.pk)
    before = dict(team.limits)
    team.limits = {name: value for name, value in {**before, **changes}.items() if value is not None}
    if team.limits != before:
        team.save(update_fields=["limits"])
        AuditEvent.record(actor=by, team=team, action="team.limited", target=team.slug, before=before, **team.limits)
    return team


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name or "\0" in name:
        raise UserError(message("team_without_name"), param="name")
    if name.lower() == PLATFORM_TEAM:
        raise UserError(message("invalid_team", team=name), param="name")
    return name


def _taken(name: str) -> UserError:
    return UserError(message("team_name_taken", team=name), param="name", status=409)
