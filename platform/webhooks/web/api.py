"""Webhooks over HTTP: OpenAI's routes (/v1/webhook_endpoints) and ours (/api/v1/webhooks) answer the same."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, one_page
from common.errors import UserError
from common.idempotency import idempotent
from common.reads import body_of, query_of, reads, require_no_body
from common.wording import MessageObject, on_the_wire
from webhooks import events, services
from webhooks.models import Delivery, Webhook
from webhooks.web.requests import ChangedWebhook, DeliveryPage, NewWebhook, SampleEvent, SecretRotation, WebhookPage


class WebhookObject(TypedDict):
    """A webhook, in the shape of OpenAI's `webhook_endpoint`. Times are unix seconds."""

    id: str
    object: Literal["webhook_endpoint"]
    name: str
    url: str
    """Of a group chat its host alone: whoever knows the address may write there."""
    form: Annotated[str, Webhook.Form]
    language: str
    event_types: list[str]
    signing_secret_hint: str
    signing_secret: NotRequired[str | None]
    """`whsec_…`, in the answer that makes it; null where that was said before, and for group chats."""
    enabled: bool
    disabled_because: MessageObject
    failing_since: int | None
    """Since when nothing has arrived; null where the last delivery did."""
    created_by: str | None
    created_at: int
    updated_at: int


class EventObject(TypedDict):
    """What is sent."""

    id: str
    object: Literal["event"]
    type: str
    created_at: int
    data: dict[str, object]


class DeliveryObject(TypedDict):
    """One event for one webhook, and what came of it. Times are unix seconds."""

    id: str
    object: Literal["webhook.delivery"]
    event: EventObject
    is_test: bool
    status: Annotated[str, Delivery.Status]
    num_attempts: int
    response_status: int | None
    """The HTTP status of the last answer; null where there was none."""
    error: MessageObject
    seconds: float | None
    last_attempt_at: int | None
    next_attempt_at: int | None
    created_at: int


class SampleResult(TypedDict):
    """What a test came to, in OpenAI's shape."""

    object: Literal["webhook_endpoint.test"]
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: Literal[True]


class EventTypesObject(TypedDict):
    """Names, all of them: `has_more` is false."""

    object: Literal["list"]
    data: list[str]
    has_more: bool
    first_id: str | None
    last_id: str | None


class WebhooksView(APIView):
    """GET, POST /api/v1/webhooks {"url", "name", "event_types"}: the secret is said once."""

    @answers(ListObject[WebhookObject])
    @reads(query=WebhookPage)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = Webhook.objects.visible_to(team_of(request)).select_related("created_by")
        if "after" in asked:
            found = found.after(services.get_webhook(team=team_of(request), webhook_id=asked["after"]))
        return one_page(found, asked["limit"], webhook_as_json)

    @answers(WebhookObject, status=201)
    @reads(NewWebhook)
    def post(self, request: Request) -> Response:
        asked, team, by = body_of(request), team_of(request), user_of(request)
        return _said_once(request, lambda: services.create_webhook(team=team, by=by, **asked), status=201)


class WebhookView(APIView):
    """GET, POST, DELETE /api/v1/webhooks/{id}: POST changes what it names."""

    @answers(WebhookObject)
    @reads()
    def get(self, request: Request, webhook_id: str) -> Response:
        query_of(request)
        return Response(webhook_as_json(services.get_webhook(team=team_of(request), webhook_id=webhook_id)))

    @answers(WebhookObject)
    @reads(ChangedWebhook)
    def post(self, request: Request, webhook_id: str) -> Response:
        asked = body_of(request)
        made = services.change_webhook(team=team_of(request), webhook_id=webhook_id, by=user_of(request), **asked)
        return Response(webhook_as_json(made))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, webhook_id: str) -> Response:
        require_no_body(request)
        services.delete_webhook(team=team_of(request), webhook_id=webhook_id, by=user_of(request))
        return Response(deleted("webhook_endpoint.deleted", webhook_id))


class RotateSecretView(APIView):
    """POST /api/v1/webhooks/{id}/rotate_secret: the new secret is said once."""

    @answers(WebhookObject)
    @reads(SecretRotation)
    def post(self, request: Request, webhook_id: str) -> Response:
        keeps_old = body_of(request)["keep_old_secret_active_for_24_hours"]
        team, by = team_of(request), user_of(request)

        def rotate() -> tuple[Webhook, str]:
            return services.rotate_secret(team=team, webhook_id=webhook_id, by=by, keeps_old=keeps_old)

        return _said_once(request, rotate)


class SampleView(APIView):
    """POST /api/v1/webhooks/{id}/test {"event_type"}: a sample is sent at once; what was answered is the answer."""

    @answers(SampleResult)
    @reads(SampleEvent)
    def post(self, request: Request, webhook_id: str) -> Response:
        kind = body_of(request)["event_type"]
        webhook = services.get_webhook(team=team_of(request), webhook_id=webhook_id)
        sent = services.send_test(webhook=webhook, by=user_of(request), kind=kind)
        if sent.last_status is None:
            assert sent.last_error is not None
            raise UserError(sent.last_error)
        return Response(
            {
                "object": "webhook_endpoint.test",
                "webhook_endpoint_id": webhook.pk,
                "event_type": kind,
                "status_code": sent.last_status,
                "success": True,
            }
        )


class EventTypesView(APIView):
    """GET /api/v1/webhook_event_types: what webhooks can hear about."""

    @answers(EventTypesObject)
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        found = events.names()
        ends = {"first_id": found[0] if found else None, "last_id": found[-1] if found else None}
        return Response({"object": "list", "data": found, "has_more": False, **ends})


class DeliveriesView(APIView):
    """GET /api/v1/webhooks/{id}/deliveries: what was sent, the newest first."""

    @answers(ListObject[DeliveryObject])
    @reads(query=DeliveryPage)
    def get(self, request: Request, webhook_id: str) -> Response:
        asked = query_of(request)
        webhook = services.get_webhook(team=team_of(request), webhook_id=webhook_id)
        found = Delivery.objects.filter(webhook=webhook)
        if "status" in asked:
            found = found.filter(status=asked["status"])
        if "after" in asked:
            found = found.after(services.get_delivery(webhook=webhook, delivery_id=asked["after"]))
        return one_page(found, asked["limit"], delivery_as_json)


class RedeliverView(APIView):
    """POST /api/v1/webhooks/{id}/deliveries/{id}/redeliver: once more, under the same `webhook-id`."""

    @answers(DeliveryObject)
    @reads()
    def post(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        require_no_body(request)

        def send() -> Response:
            found = services.redeliver(
                team=team_of(request), webhook_id=webhook_id, delivery_id=delivery_id, by=user_of(request)
            )
            return Response(delivery_as_json(found))

        return idempotent(request, send)


def webhook_as_json(webhook: Webhook) -> WebhookObject:
    return {
        "id": webhook.pk,
        "object": "webhook_endpoint",
        "name": webhook.name,
        "url": webhook.shown_url,
        "form": webhook.form,
        "language": webhook.language,
        "event_types": webhook.event_types,
        "signing_secret_hint": webhook.secret_hint,
        "enabled": webhook.disabled_at is None,
        "disabled_because": on_the_wire(webhook.disabled_because),
        "failing_since": _seconds(webhook.failing_since),
        "created_by": webhook.created_by.email if webhook.created_by is not None else None,
        "created_at": int(webhook.created_at.timestamp()),
        "updated_at": int(webhook.updated_at.timestamp()),
    }


def delivery_as_json(delivery: Delivery) -> DeliveryObject:
    return {
        "id": delivery.pk,
        "object": "webhook.delivery",
        "event": cast(EventObject, delivery.event_as_json()),
        "is_test": delivery.is_test,
        "status": delivery.status,
        "num_attempts": delivery.num_attempts,
        "response_status": delivery.last_status,
        "error": on_the_wire(delivery.last_error),
        "seconds": delivery.seconds,
        "last_attempt_at": _seconds(delivery.last_at),
        "next_attempt_at": _seconds(delivery.next_at),
        "created_at": int(delivery.created_at.timestamp()),
    }


def _said_once(request: Request, make: Callable[[], tuple[Webhook, str]], *, status: int = 200) -> Response:
    """Return what `make` made with its secret, which the reply that is kept for a repeated request does not hold."""
    made: list[str] = []

    def create() -> Response:
        webhook, secret = make()
        made.append(secret)
        return Response(webhook_as_json(webhook), status=status)

    reply = idempotent(request, create)
    body: dict[str, Any] = {**reply.data, "signing_secret": (made[0] or None) if made else None}
    return Response(body, status=reply.status_code)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
