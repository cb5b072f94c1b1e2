"""From the outbox to an address: signed, in order, once on purpose, again after failures, and given up in the end."""

import json
import threading
from datetime import timedelta
from typing import Any

import openai
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, Team
from console import retention
from tests.receiver import Received, Receiver, receiving
from webhooks import delivering, services
from webhooks.delivering import deliver_due, pause_seconds
from webhooks.models import Delivery, Webhook
from webhooks.outbox import announce

pytestmark = pytest.mark.django_db
DONE = "fine_tuning.job.succeeded"
Made = tuple[Webhook, str]


def happen(number: int = 1, kind: str = DONE) -> None:
    announce(kind, team=Team.objects.get(name="A"), data={"id": f"ftjob-{number}"})


def unwrapped(came: Received, secret: str) -> Any:
    return openai.OpenAI(api_key="-").webhooks.unwrap(came.body, came.headers, secret=secret)


def make_due() -> None:
    Delivery.objects.waiting().update(next_at=timezone.now())


def answer(receiver: Receiver, status: int, **headers: str) -> None:
    receiver.answer = lambda came: (status, headers, b"")


class TestArrival:
    @pytest.mark.parametrize("kind", [DONE, "fine_tuning.job.failed", "fine_tuning.job.cancelled"])
    def test_openais_sdk_verifies_it_and_knows_its_type(self, webhook: Made, receiver: Receiver, kind: str) -> None:
        happen(kind=kind)
        deliver_due()
        [came] = receiver.received
        event = unwrapped(came, webhook[1])
        assert (event.type, event.data.id, event.object) == (kind, "ftjob-1", "event")
        assert type(event).__name__.endswith("WebhookEvent"), type(event)
        assert event.id == came.headers["webhook-id"]
        assert abs(event.created_at - timezone.now().timestamp()) < 60
        assert came.headers["content-type"] == "application/json"
        sent = Delivery.objects.get()
        assert (sent.status, sent.num_attempts, sent.last_status, sent.last_error) == ("succeeded", 1, 200, None)

    def test_nobody_elses_secret_verifies_it(self, webhook: Made, receiver: Receiver) -> None:
        happen()
        deliver_due()
        with pytest.raises(openai.InvalidWebhookSignatureError):
            unwrapped(receiver.received[0], "whsec_" + "A" * 40)

    def test_after_a_rotation_both_secrets_verify_it_or_the_new_one_alone(
        self, webhook: Made, receiver: Receiver
    ) -> None:
        found, old = webhook
        how = {"team": found.team, "webhook_id": found.pk, "by": found.created_by}
        _, new = services.rotate_secret(**how, keeps_old=True)
        happen()
        deliver_due()
        assert unwrapped(receiver.received[0], old).id == unwrapped(receiver.received[0], new).id
        Webhook.objects.update(old_secret_until=timezone.now())
        happen(2)
        deliver_due()
        assert unwrapped(receiver.received[1], new).data.id == "ftjob-2"
        with pytest.raises(openai.InvalidWebhookSignatureError):
            unwrapped(receiver.received[1], old)

    def test_it_is_sent_in_the_order_of_what_happened(self, webhook: Made, receiver: Receiver) -> None:
        for number in range(1, 5):
            happen(number)
        deliver_due()
        told = [json.loads(came.body)["data"]["id"] for came in receiver.received]
        assert told == ["ftjob-1", "ftjob-2", "ftjob-3", "ftjob-4"]

    def test_what_is_rolled_back_is_not_told(self, webhook: Made, receiver: Receiver) -> None:
        with transaction.atomic():
            happen()
            transaction.set_rollback(True)
        deliver_due()
        assert receiver.received == []

    def test_others_hear_nothing(self, webhook: Made, receiver: Receiver) -> None:
        Webhook.objects.update(event_types=["fine_tuning.job.failed"])
        happen()
        announce("fine_tuning.job.failed", team=Team.create(name="B"), data={"id": "ftjob-b"})
        deliver_due()
        assert receiver.received == []

    def test_a_kind_that_nobody_registered_is_a_fault_of_ours(self, webhook: Made) -> None:
        with pytest.raises(LookupError):
            happen(kind="fine_tuning.job.won")

    def test_an_address_that_hangs_holds_up_nobody_else(self, webhook: Made, receiver: Receiver) -> None:
        others_turn = threading.Event()

        def slow(came: Received) -> tuple[int, dict[str, str], bytes]:
            return (200 if others_turn.wait(10) else 504), {}, b""

        def quick(came: Received) -> tuple[int, dict[str, str], bytes]:
            others_turn.set()
            return 200, {}, b""

        with receiving() as other:
            found = webhook[0]
            services.create_webhook(team=found.team, by=found.created_by, url=other.url)
            receiver.answer, other.answer = slow, quick
            happen()
            deliver_due()
        assert set(Delivery.objects.values_list("last_status", flat=True)) == {200}

    def test_no_other_worker_takes_it_while_one_is_at_it(self, webhook: Made, receiver: Receiver) -> None:
        happen()
        Webhook.objects.update(busy_until=timezone.now() + timedelta(seconds=60))
        deliver_due()
        assert receiver.received == []
        Webhook.objects.update(busy_until=timezone.now())  # whoever had it has died
        deliver_due()
        assert len(receiver.received) == 1


class TestFailure:
    def test_it_is_tried_again_as_the_same_message_with_a_new_signature(
        self, webhook: Made, receiver: Receiver
    ) -> None:
        answer(receiver, 500)
        happen()
        deliver_due()
        sent = Delivery.objects.get()
        assert (sent.status, sent.last_status) == ("pending", 500)
        assert "HTTP 500" in str(sent.last_error)
        assert sent.next_at is not None
        assert sent.next_at > timezone.now()
        deliver_due()
        assert len(receiver.received) == 1, "not before its time"
        answer(receiver, 204)
        make_due()
        deliver_due()
        first, second = receiver.received
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert unwrapped(second, webhook[1]).data.id == "ftjob-1"
        sent.refresh_from_db()
        assert (sent.status, sent.num_attempts, sent.last_error) == ("succeeded", 2, None)
        assert Webhook.objects.get().failing_since is None

    def test_one_that_failed_does_not_hold_up_what_happened_later(self, webhook: Made, receiver: Receiver) -> None:
        receiver.answer = lambda came: (500 if b"ftjob-1" in came.body else 200, {}, b"")
        happen(1)
        happen(2)
        deliver_due()
        assert dict(Delivery.objects.values_list("data__id", "status")) == {
            "ftjob-1": "pending",
            "ftjob-2": "succeeded",
        }

    def test_pauses_grow_to_hours_and_are_never_alike(self, settings: Any) -> None:
        times = settings.TIMES
        longest = [pause_seconds(number) for number in range(1, 40)]
        assert longest[0] <= 1.25 * times.webhook_retry_seconds
        assert longest[2] >= 0.75 * 16 * times.webhook_retry_seconds
        assert max(longest) <= 1.25 * times.webhook_longest_retry_seconds
        assert pause_seconds(3) != pause_seconds(3)

    def test_who_asks_for_patience_gets_it(self, webhook: Made, receiver: Receiver) -> None:
        answer(receiver, 429, **{"retry-after": "900"})
        happen()
        deliver_due()
        next_at = Delivery.objects.get().next_at
        assert next_at is not None
        assert next_at > timezone.now() + timedelta(seconds=800)

    def test_a_redirect_is_not_followed_and_said(self, webhook: Made, receiver: Receiver) -> None:
        answer(receiver, 301, location=f"http://127.0.0.1:{receiver.port}/else")
        happen()
        deliver_due()
        assert [came.path for came in receiver.received] == ["/hook"]
        assert "redirect" in str(Delivery.objects.get().last_error)

    def test_an_address_that_has_moved_inside_is_not_called(
        self, webhook: Made, receiver: Receiver, settings: Any
    ) -> None:
        settings.OUTBOUND_ALLOW = ()
        happen()
        deliver_due()
        assert receiver.received == []
        assert "not on the public internet" in str(Delivery.objects.get().last_error)

    def test_a_secret_that_cannot_be_read_any_more_is_this_webhooks_failure(
        self, webhook: Made, settings: Any, receiver: Receiver
    ) -> None:
        happen()
        settings.LUTHIER_ENCRYPTION_KEY = "another one"
        deliver_due()
        assert "LUTHIER_ENCRYPTION_KEY" in str(Delivery.objects.get().last_error)
        assert receiver.received == []

    def test_after_days_it_is_given_up_and_can_be_sent_again(self, webhook: Made, receiver: Receiver) -> None:
        answer(receiver, 500)
        happen()
        Delivery.objects.update(give_up_at=timezone.now())
        deliver_due()
        sent = Delivery.objects.get()
        assert (sent.status, sent.next_at) == ("failed", None)
        found = webhook[0]
        services.redeliver(team=found.team, webhook_id=found.pk, delivery_id=sent.pk, by=found.created_by)
        answer(receiver, 200)
        deliver_due()
        sent.refresh_from_db()
        assert (sent.status, sent.num_attempts) == ("succeeded", 2)
        assert len({came.headers["webhook-id"] for came in receiver.received}) == 1


class TestSwitchingOff:
    @pytest.fixture
    def ruined(self, webhook: Made, receiver: Receiver) -> Webhook:
        """One that has taken nothing for days."""
        answer(receiver, 500)
        Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3))
        happen(1)
        happen(2)
        Delivery.objects.filter(data__id="ftjob-1").update(give_up_at=timezone.now())
        deliver_due()
        return Webhook.objects.get()

    def test_one_that_takes_nothing_for_days_is_switched_off_with_a_reason(self, ruined: Webhook) -> None:
        assert ruined.disabled_at is not None
        assert "nothing has arrived since" in str(ruined.disabled_because)
        assert AuditEvent.objects.filter(action="webhook.switched_off", target=ruined.pk, actor=None).exists()
        assert not Delivery.objects.waiting().exists(), "nothing waits for ever"
        happen(3)
        assert Delivery.objects.count() == 2

    def test_switched_on_again_it_hears_what_happens_from_then_on(self, ruined: Webhook, receiver: Receiver) -> None:
        answer(receiver, 200)
        services.change_webhook(team=ruined.team, webhook_id=ruined.pk, by=ruined.created_by, enabled=True)
        before = len(receiver.received)
        happen(3)
        deliver_due()
        assert [json.loads(came.body)["data"]["id"] for came in receiver.received[before:]] == ["ftjob-3"]

    def test_one_that_failed_now_and_then_stays(self, webhook: Made, receiver: Receiver) -> None:
        answer(receiver, 500)
        happen()
        Delivery.objects.update(give_up_at=timezone.now())
        deliver_due()
        assert Webhook.objects.get().disabled_at is None

    def test_gone_means_gone(self, webhook: Made, receiver: Receiver) -> None:
        answer(receiver, 410)
        happen()
        deliver_due()
        assert "HTTP 410" in str(Webhook.objects.get().disabled_because)
        assert Delivery.objects.get().status == "failed"


def test_what_was_sent_is_kept_for_a_while(webhook: Made, receiver: Receiver, settings: Any) -> None:
    happen(1)
    happen(2)
    deliver_due()
    happen(3)
    Delivery.objects.exclude(data__id="ftjob-2").update(created_at=timezone.now() - timedelta(days=31))
    retention.sweep_database()
    assert set(Delivery.objects.values_list("data__id", flat=True)) == {"ftjob-2", "ftjob-3"}, "what waits stays"


def test_a_webhook_that_is_deleted_while_it_is_called_is_no_fault(webhook: Made, receiver: Receiver) -> None:
    happen()
    [(delivery, call)] = delivering._claim(1)
    outcome = delivering.place(call)
    webhook[0].delete()
    delivering.record(delivery, outcome)
    assert not Delivery.objects.exists()
