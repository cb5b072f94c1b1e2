"""Alice owns team A, Bob is in it, Charlie in another."""

import pytest
from django.conf import settings

from accounts.models import Team, User
from accounts.services import create_api_key


@pytest.fixture
def alice(db: None) -> str:
    """A key of hers."""
    return create_api_key(email="alice@example.com", team_name="A")


@pytest.fixture
def bob(alice: str) -> str:
    return create_api_key(email="bob@example.com", team_name="A")


@pytest.fixture
def charlie(db: None) -> str:
    return create_api_key(email="charlie@example.com", team_name="B")


@pytest.fixture
def team(alice: str) -> Team:
    return Team.objects.get(name="A")


def person(name: str) -> User:
    return User.objects.get(email=f"{name}@example.com")


@pytest.fixture
def mail_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MAIL_IS_ON", True)
