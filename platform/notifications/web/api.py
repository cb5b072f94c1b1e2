"""/api/v1/notifications: what the key's holder is told of its team, and what they have chosen to hear about."""

from typing import Literal, TypedDict

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import ListObject, answers
from common.api import one_page
from common.reads import body_of, query_of, reads
from common.wording import in_words
from notifications import services
from notifications.models import Choices, Notice, NoticeQuerySet
from notifications.web.requests import Chosen, NoticePage, Read
from webhooks import events

OWN = {"POST": "viewer", "PUT": "viewer"}
"""They are one's own, whatever one's role."""


class NoticeObject(TypedDict):
    """A `notification`: what happened, to what, and why. Times are unix seconds."""

    id: str
    object: Literal["notification"]
    type: str
    title: str
    subject: str
    reason: str
    url: str
    team: str
    created_at: int
    read_at: int | None


class ReadObject(TypedDict):
    object: Literal["notifications.read"]
    marked: int
    """How many were unread."""
    unread: int
    """How many are left."""


class ChoicesObject(TypedDict):
    """What somebody hears about, by kind of event."""

    object: Literal["notifications.choices"]
    on_pages: list[str]
    by_mail: list[str]
    of_others: bool
    """Whether also about the work of others in the team."""
    mail_is_on: bool
    """Whether this platform sends mail at all."""


class NotificationsView(APIView):
    """GET /api/v1/notifications: the newest first; `unread=true` for those that nobody has marked as read."""

    @answers(ListObject[NoticeObject])
    @reads(query=NoticePage)
    def get(self, request: Request) -> Response:
        asked, own = query_of(request), _own(request)
        found = own.select_related("team")
        if asked["unread"]:
            found = found.unread()
        if "after" in asked:
            found = found.after(services.get_notice(of=own, notice_id=asked["after"]))
        return one_page(found, asked["limit"], notice_as_json)


class ReadView(APIView):
    """POST /api/v1/notifications/read {"ids"}: mark them, or all, as read."""

    roles = OWN

    @answers(ReadObject)
    @reads(Read)
    def post(self, request: Request) -> Response:
        asked, own = body_of(request), _own(request)
        wanted = own.filter(pk__in=asked["ids"]) if "ids" in asked else own
        marked = services.mark_read(wanted)
        return Response({"object": "notifications.read", "marked": marked, "unread": own.unread().count()})


class ChoicesView(APIView):
    """GET, PUT /api/v1/notifications/choices {"on_pages", "by_mail", "of_others"}"""

    roles = OWN

    @answers(ChoicesObject)
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        return Response(choices_as_json(services.choices_of(user_of(request))))

    @answers(ChoicesObject)
    @reads(Chosen)
    def put(self, request: Request) -> Response:
        return Response(choices_as_json(services.choose(user=user_of(request), **body_of(request))))


def notice_as_json(notice: Notice) -> NoticeObject:
    return {
        "id": notice.pk,
        "object": "notification",
        "type": notice.kind,
        "title": notice.what,
        "subject": notice.subject,
        "reason": in_words(notice.because),
        "url": f"{settings.PUBLIC_URL}{notice.path}",
        "team": notice.team.slug,
        "created_at": int(notice.created_at.timestamp()),
        "read_at": None if notice.read_at is None else int(notice.read_at.timestamp()),
    }


def choices_as_json(choices: Choices) -> ChoicesObject:
    names = events.names()
    return {
        "object": "notifications.choices",
        "on_pages": [name for name in names if choices.wants(name, by_mail=False)],
        "by_mail": [name for name in names if choices.wants(name, by_mail=True)],
        "of_others": choices.of_others,
        "mail_is_on": bool(settings.MAIL_IS_ON),
    }


def _own(request: Request) -> NoticeQuerySet:
    """Return what the person is told of the team that the request acts for."""
    return Notice.objects.of(user_of(request)).filter(team=team_of(request))
