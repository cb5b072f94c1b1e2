"""Sends what the outbox holds: one request at a time to each webhook, in the order of what happened.

One round does all of it, with a few threads that know no database, so that addresses which do not answer hold nobody
up but themselves. A worker that dies leaves a webhook busy for a minute; then the same is sent again, with the same
`webhook-id`.
"""

import logging
import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import AuditEvent
from common.errors import UserError
from common.outbound import send
from webhooks.calls import Call, call_of, refusal_in
from webhooks.messages import message
from webhooks.models import Delivery, Webhook
from wording import Message

logger = logging.getLogger(__name__)

CALL_SECONDS = 15.0
BUSY_SECONDS = 60
"""More than a call can take: a webhook that is busy for longer has lost its worker."""
AT_ONCE = 16
LOOK_SECONDS = 0.5
"""So often a round that waits for answers looks whether more is due."""
GONE = 410


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a call; `error` is None where it arrived."""

    error: Message | None
    status: int | None = None
    seconds: float = 0.0
    retry_after: float = 0.0


def deliver_due() -> None:
    """Send what is due, until nothing is."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as threads:
        under_way: dict[Future[Outcome], Delivery] = {}
        while True:
            for delivery, call in _claim(AT_ONCE - len(under_way)):
                under_way[threads.submit(place, call)] = delivery
            if not under_way:
                return
            ended, _ = wait(under_way, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in ended:
                record(under_way.pop(future), future.result())


def place(call: Call) -> Outcome:
    """Send it once; never raises."""
    started = time.monotonic()
    try:
        reply = send(call.url, content=call.body, headers=call.headers, seconds=CALL_SECONDS, max_answer_bytes=65_536)
    except UserError as error:
        return Outcome(error=error.message, seconds=time.monotonic() - started)
    except Exception:
        logger.exception("A webhook could not be called")
        return Outcome(error=message("webhook_call_failed"), seconds=time.monotonic() - started)
    said = None
    if 300 <= reply.status < 400:
        said = message("webhook_redirects", status=reply.status)
    elif not reply.is_success:
        said = message("webhook_answered", status=reply.status)
    else:
        said = refusal_in(call.form, reply)
    wanted = reply.headers.get("retry-after", "")
    return Outcome(
        error=said,
        status=reply.status,
        seconds=reply.seconds,
        retry_after=float(wanted) if wanted.isdecimal() and len(wanted) < 10 else 0.0,
    )


@transaction.atomic
def record(delivery: Delivery, outcome: Outcome) -> None:
    """Note what came of a call: it arrived, is tried again, or is given up; and set its webhook free."""
    webhook = Webhook.objects.select_for_update(of=("self",)).select_related("team").filter(pk=delivery.webhook_id)
    current, found = Delivery.objects.filter(pk=delivery.pk).first(), webhook.first()
    if found is None or current is None:
        return  # deleted meanwhile
    current.num_attempts += 1
    current.last_at, current.seconds = timezone.now(), outcome.seconds
    current.last_status, current.last_error = outcome.status, outcome.error
    found.busy_until = None
    if outcome.error is None:
        current.status, current.next_at, found.failing_since = Delivery.Status.SUCCEEDED, None, None
    else:
        found.failing_since = found.failing_since or current.last_at
        _put_off(current, outcome)
    current.save()
    if outcome.error is not None:
        _switch_off_the_dead(found, current, outcome)
    found.save()


def pause_seconds(num_failures: int) -> float:
    """Return how long to wait after so many failures: four times as long after each, and never alike for two."""
    times = settings.TIMES
    growing = times.webhook_retry_seconds * 4.0 ** min(num_failures - 1, 20)
    return min(growing, times.webhook_longest_retry_seconds) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _claim(most: int) -> list[tuple[Delivery, Call]]:
    """Take up to `most` webhooks that have something to hear, each with its oldest, for this worker alone."""
    if most <= 0:
        return []
    now = timezone.now()
    due = Delivery.objects.due(now)
    with transaction.atomic():
        free = Webhook.objects.filter(disabled_at=None).exclude(busy_until__gt=now)
        free = free.filter(Exists(due.filter(webhook=OuterRef("pk")))).select_for_update(of=("self",), skip_locked=True)
        taken = list(free.order_by("pk")[:most])
        busy_until = now + timedelta(seconds=BUSY_SECONDS)
        Webhook.objects.filter(pk__in=[webhook.pk for webhook in taken]).update(busy_until=busy_until)
        oldest = [due.filter(webhook=webhook).order_by("created_at", "pk").first() for webhook in taken]
    return [(delivery, call) for delivery in oldest if delivery and (call := _prepared(delivery))]


def _prepared(delivery: Delivery) -> Call | None:
    """Return the request; a secret that cannot be read any more is the delivery's failure, and nobody else's."""
    try:
        return call_of(delivery)
    except UserError as error:
        record(delivery, Outcome(error=error.message))
        return None


def _put_off(delivery: Delivery, outcome: Outcome) -> None:
    """Have it tried again later, or give it up."""
    delivery.num_failures += 1
    now, longest = timezone.now(), settings.TIMES.webhook_longest_retry_seconds
    pause = max(pause_seconds(delivery.num_failures), min(outcome.retry_after, longest))
    delivery.next_at = now + timedelta(seconds=pause)
    if outcome.status == GONE or delivery.give_up_at is None or delivery.next_at > delivery.give_up_at:
        delivery.status, delivery.next_at = Delivery.Status.FAILED, None


def _switch_off_the_dead(webhook: Webhook, delivery: Delivery, outcome: Outcome) -> None:
    """Switch a webhook off that says it is gone, or that has taken nothing for as long as is tried at all."""
    since = webhook.failing_since
    lasting = timedelta(seconds=settings.TIMES.webhook_give_up_seconds / 2)
    if outcome.status == GONE:
        because = message("webhook_gone")
    elif delivery.status == Delivery.Status.FAILED and since and timezone.now() - since >= lasting:
        because = message("webhook_failed_long", since=f"{timezone.localtime(since):%Y-%m-%d %H:%M %Z}")
    else:
        return
    webhook.switch_off(because)
    AuditEvent.record(
        actor=None, team=webhook.team, action="webhook.switched_off", target=webhook.pk, because=because.code
    )
    logger.warning("The webhook %s was switched off: %s", webhook.pk, because)
