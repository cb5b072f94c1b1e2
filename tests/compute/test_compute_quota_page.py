"""The form of a quota on the pool's page."""

import pytest
from django.test import Client

from accounts.models import AuditEvent, Membership, Team, User
from compute import services
from tests.console.forms import error_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def client(team: Team) -> Client:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


def test_says_at_the_field_what_is_no_quota_and_keeps_it(client: Client, team: Team) -> None:
    services.set_quota(team=team, accelerators=2, by=None)
    for text, sentence in (
        ("many", "Enter a whole number."),
        ("-1", "Ensure this value is greater than or equal to 0."),
        (str(services.MOST_ACCELERATORS + 1), "Ensure this value is less than or equal to 1000000."),
    ):
        reply = client.post(f"/pool/quotas/{team.pk}", {"accelerators": text})
        assert reply.status_code == 400
        assert error_at(reply, f"quota-{team.pk}-accelerators") == sentence
        assert f'value="{text}"' in reply.content.decode()
    assert services.quota_of(team) == 2
    assert AuditEvent.objects.filter(action="quota.set").count() == 1


def test_says_it_in_chinese(client: Client, team: Team) -> None:
    reply = client.post(f"/pool/quotas/{team.pk}", {"accelerators": "x"}, headers={"accept-language": "zh-CN"})
    assert error_at(reply, f"quota-{team.pk}-accelerators") == "输入整数。"


def test_a_number_is_a_quota_and_nothing_is_the_whole_pool(client: Client, team: Team) -> None:
    for text, quota in (("3", 3), ("0", 0), ("", None)):
        assert client.post(f"/pool/quotas/{team.pk}", {"accelerators": text}).url == "/pool"
        assert services.quota_of(team) == quota
