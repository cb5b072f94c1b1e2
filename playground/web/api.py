"""/api/v1/playground/shares: conversations that the team shares."""

from typing import Literal, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, one_page
from common.idempotency import idempotent
from common.keysets import beyond
from common.reads import body_of, query_of, reads, require_no_body
from playground import services
from playground.models import Share
from playground.talks import Settings, Talk
from playground.web.requests import NewShare, SharePage


class TurnObject(TypedDict):
    """A question and both answers; null where a model gave none."""

    prompt: str
    left: str | None
    right: str | None


class ShareObject(TypedDict):
    """A `playground.share`: who was asked what, and what each answered."""

    id: str
    object: Literal["playground.share"]
    left: str
    right: str
    system: str
    settings: Settings
    turns: list[TurnObject]
    created_by: str | None
    created_at: int


class Shares(APIView):
    """GET, POST /api/v1/playground/shares"""

    @answers(ListObject[ShareObject])
    @reads(query=SharePage)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = Share.objects.visible_to(team_of(request)).select_related("created_by")
        if "after" in asked:
            last = services.get_share(team=team_of(request), share_id=asked["after"])
            found = found.filter(beyond(last.created_at, last.pk))
        return one_page(found, asked["limit"], share_as_json)

    @answers(ShareObject, status=201)
    @reads(NewShare)
    def post(self, request: Request) -> Response:
        talk = Talk.of(**body_of(request))

        def create() -> Response:
            made = services.share_talk(team=team_of(request), by=user_of(request), talk=talk)
            return Response(share_as_json(made), status=201)

        return idempotent(request, create)


class OneShare(APIView):
    """GET, DELETE /api/v1/playground/shares/{id}"""

    @answers(ShareObject)
    @reads()
    def get(self, request: Request, share_id: str) -> Response:
        query_of(request)
        return Response(share_as_json(services.get_share(team=team_of(request), share_id=share_id)))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, share_id: str) -> Response:
        require_no_body(request)
        share = services.get_share(team=team_of(request), share_id=share_id)
        services.delete_share(share=share, by=user_of(request))
        return Response(deleted("playground.share", share_id))


def share_as_json(share: Share) -> ShareObject:
    """Return a `playground.share`. Times are unix seconds."""
    return {
        "id": share.pk,
        "object": "playground.share",
        "left": share.left,
        "right": share.right,
        "system": share.system,
        "settings": share.settings,
        "turns": share.turns,
        "created_by": share.created_by.email if share.created_by is not None else None,
        "created_at": int(share.created_at.timestamp()),
    }
