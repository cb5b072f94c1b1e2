"""Alice owns team A, Bob is in it, Charlie in another; addresses of this machine may be called."""

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Team, User
from accounts.services import create_api_key
from tests.receiver import Receiver, receiving
from webhooks import events, services
from webhooks.models import Webhook

KINDS = ["fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled"]


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def alice(db: None) -> str:
    """An owner's key."""
    return create_api_key(email="alice@example.com", team_name="A")


@pytest.fixture
def bob(alice: str) -> str:
    return create_api_key(email="bob@example.com", team_name="A")


@pytest.fixture
def charlie(db: None) -> str:
    return create_api_key(email="charlie@example.com", team_name="B")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def webhook(alice: str, receiver: Receiver) -> tuple[Webhook, str]:
    """Alice's, which calls the receiver; and its secret."""
    team, by = Team.objects.get(name="A"), User.objects.get(email="alice@example.com")
    assert set(KINDS) <= set(events.names())
    return services.create_webhook(team=team, by=by, url=receiver.url)
