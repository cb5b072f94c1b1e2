"""A deployment that fails is told to the webhooks of its team, once, with the reason."""

import ipaddress
from typing import Any

import pytest
from deployments_cast import Person

from deployments import replicas
from deployments.services import deploy
from jobs.models import TunedModel
from webhooks import services
from webhooks.models import Delivery
from wording import as_written


@pytest.fixture(autouse=True)
def hears_everything(alice: Person, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)
    services.create_webhook(team=alice.team, by=alice.user, url="http://127.0.0.1:1/")


def test_its_failure_is_told_once(alice: Person, adapter: TunedModel) -> None:
    deployment = deploy(team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators=1)
    replica = deployment.live_replica
    assert replica is not None
    for _ in range(2):
        replicas.end_replica(replica=replica, outcome="failed", reason=as_written("Memory ran out."))
    deployment.refresh_from_db()
    assert deployment.state == "failed"
    sent = Delivery.objects.get()
    assert (sent.event_type, sent.data) == ("deployment.failed", {"id": deployment.pk})
    assert (sent.subject, sent.path) == (deployment.name, f"/deployments/{deployment.pk}")
    assert "Memory ran out." in str(sent.because)
