"""The end of a batch is told to the webhooks of its team, in OpenAI's words, once."""

import ipaddress
from typing import Any

import pytest
from batch_makers import Person
from django.utils import timezone

from batches.models import Batch
from webhooks import services
from webhooks.models import Delivery

WAYS = {
    "failed": ("failed",),
    "completed": ("in_progress", "finalizing", "completed"),
    "expired": ("in_progress", "finalizing", "expired"),
    "cancelled": ("cancelling", "cancelled"),
}


@pytest.mark.parametrize("end", WAYS)
def test_each_end_is_told(alice: Person, bob: Person, settings: Any, end: str) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)
    for one in (alice, bob):
        services.create_webhook(team=one.team, by=one.user, url="http://127.0.0.1:1/")
    batch = Batch.objects.create(
        team=alice.team, created_by=alice.user, endpoint="/v1/completions", input_file_id="file-x",
        input_filename="a.jsonl", expires_at=timezone.now(),
    )  # fmt: skip
    for to in WAYS[end]:
        assert not Delivery.objects.exists()
        assert batch.move(to)
    assert not batch.move("in_progress")
    sent = Delivery.objects.get()
    assert (sent.webhook.team, sent.event_type, sent.data) == (alice.team, f"batch.{end}", {"id": batch.pk})
