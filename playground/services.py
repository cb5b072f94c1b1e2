"""Use cases of the playground: a talk is shared with the team, and an answer becomes a row of a data set."""

from datetime import datetime

from django.db import transaction

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError
from common.texts import is_storable
from datasets_app.models import TrainingFile
from datasets_app.services import append_rows, file_of_rows, get_file
from playground.messages import message
from playground.models import Share
from playground.talks import Said, Side, Talk

MOST_SHARES = 200
"""Of a team."""


@transaction.atomic
def share_talk(*, team: Team, by: User, talk: Talk) -> Share:
    """Store a talk at an address of its own, for everybody in the team."""
    if not talk.turns:
        raise UserError(message("talk_empty"), code="talk_empty", param="turns")
    Team.objects.select_for_update(of=("self",)).get(pk=team.pk)  # so that two at once are counted one after the other
    if Share.objects.visible_to(team).count() >= MOST_SHARES:
        raise UserError(message("too_many_shares", most=MOST_SHARES), code="too_many_shares", status=409)
    share = Share.objects.create(
        team=team, created_by=by, left=talk.left, right=talk.right, system=talk.system,
        settings=talk.settings, turns=talk.turns_as_json(),
    )  # fmt: skip
    AuditEvent.record(actor=by, team=team, action="conversation.shared", target=share.pk)
    return share


def get_share(*, team: Team, share_id: str) -> Share:
    """Return a shared talk of `team`; NotFound for everybody else's."""
    shares = Share.objects.visible_to(team).select_related("created_by", "team")
    share = shares.filter(pk=share_id).first() if is_storable(share_id) else None
    if share is None:
        raise NotFound(message("share_not_found", id=share_id[:60]), code="share_not_found")
    return share


@transaction.atomic
def delete_share(*, share: Share, by: User) -> None:
    require_own(by=by, team=share.team, author_id=share.created_by_id)
    AuditEvent.record(actor=by, team=share.team, action="conversation.deleted", target=share.pk)
    share.delete()


def row_to_keep(talk: Talk, *, side: Side, number: int, answer: str) -> list[Said]:
    """Return the row that keeping an answer would make; UserError where the talk has no such answer."""
    if not 0 <= number < len(talk.turns) or talk.turns[number].answer(side) is None:
        raise UserError(message("answer_to_keep_missing"), code="no_such_answer")
    if not answer.strip():
        raise UserError(message("kept_answer_empty"), code="missing_answer", param="answer")
    return talk.row(side, number, answer=answer.strip())


def keep_row(*, team: Team, by: User, row: list[Said], data_set: str = "", new_name: str = "") -> TrainingFile:
    """Make `row` part of a data set: the next version of `data_set`, any version of it, or a new one of that name."""
    if bool(data_set) == bool(new_name.strip()):
        raise UserError(message("no_data_set_chosen"), code="missing_data_set", param="data_set")
    if data_set:
        return append_rows(file=get_file(team=team, file_id=data_set), rows=[row], by=by)
    name = new_name.strip()
    return file_of_rows(team=team, by=by, filename=name if name.endswith(".jsonl") else f"{name}.jsonl", rows=[row])


def forget(before: datetime) -> None:
    """Delete what was shared before that moment."""
    Share.objects.filter(created_at__lt=before).delete()
