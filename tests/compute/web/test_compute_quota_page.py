"""The form of a quota on the pool's page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Team, User
from compute import services
from compute.administering.quotas import MOST_ACCELERATORS, quota_of, set_quota
from compute.models import Allocation, Node, Pool, Quota, Run
from compute.scheduling.rounds import schedule
from tests.console.forms import error_at, form_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def client(team: Team) -> Client:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


def test_says_at_the_field_what_is_no_quota_and_keeps_it(client: Client, team: Team) -> None:
    set_quota(team=team, accelerators=2, by=None)
    for text, sentence in (
        ("many", "Enter a whole number."),
        ("-1", "Ensure this value is greater than or equal to 0."),
        (str(MOST_ACCELERATORS + 1), "Ensure this value is less than or equal to 1000000."),
    ):
        reply = client.post(f"/pool/quotas/{team.pk}", {"ceiling": text})
        assert reply.status_code == 400
        assert error_at(reply, f"quota-{team.pk}-ceiling") == sentence
        assert f'value="{text}"' in reply.content.decode()
    assert quota_of(team) == 2
    assert AuditEvent.objects.filter(action="quota.set").count() == 1


def test_says_it_in_chinese(client: Client, team: Team) -> None:
    reply = client.post(f"/pool/quotas/{team.pk}", {"ceiling": "x"}, headers={"accept-language": "zh-CN"})
    assert error_at(reply, f"quota-{team.pk}-ceiling") == "输入整数。"


def test_a_number_is_a_quota_and_nothing_is_the_whole_pool(client: Client, team: Team) -> None:
    for text, quota in (("3", 3), ("0", 0), ("", None)):
        assert client.post(f"/pool/quotas/{team.pk}", {"ceiling": text}).url == "/pool"
        assert quota_of(team) == quota


def test_a_row_has_a_guarantee_hours_and_a_limit_for_each_person(client: Client, team: Team) -> None:
    form = {"guaranteed": "1", "ceiling": "3", "accelerator_hours": "100", "per_user": "2"}
    page = client.post(f"/pool/quotas/{team.pk}", form, follow=True).content.decode()
    assert "is now guaranteed 1 CPU core and may use 3 CPU cores at once." in page
    assert "Guarantees add up to 1" in page
    quota = Quota.objects.get(team=team)
    assert (quota.guaranteed, quota.ceiling, quota.accelerator_hours, quota.per_user) == (1, 3, 100, 2)
    for number in ("1", "3", "100"):
        assert f'value="{number}"' in page


def test_storage_is_set_in_gigabytes_to_the_byte_and_what_stays_is_not_recorded(client: Client, team: Team) -> None:
    client.post(f"/pool/quotas/{team.pk}", {"ceiling": "3", "storage_gb": "1.5"})
    assert Team.objects.get(pk=team.pk).storage_bytes == 1_500_000_000
    Team.objects.filter(pk=team.pk).update(storage_bytes=123_456_789_012)
    action = f"/pool/quotas/{team.pk}"
    fields = form_at(client, "/pool", action)
    assert fields["storage_gb"] == ["123.456789012"]
    client.post(action, fields)
    assert AuditEvent.objects.filter(action="quota.set").count() == 1
    client.post(action, {**fields, "ceiling": "2"})
    event = AuditEvent.objects.latest("pk")
    assert (event.before, event.after) == ({"ceiling": 3}, {"ceiling": 2})
    assert Team.objects.get(pk=team.pk).storage_bytes == 123_456_789_012
    refused = client.post(action, {"storage_gb": "-1"})
    assert error_at(refused, f"quota-{team.pk}-storage_gb") == "Ensure this value is greater than or equal to 0."


def test_a_row_says_how_many_hours_of_the_month_are_used(client: Client, team: Team, node: Node) -> None:
    run = services.request_run(kind="script", team=team, accelerators=1)
    schedule()
    Allocation.objects.filter(run=run).update(created_at=timezone.now() - timedelta(seconds=36))
    assert "0.01" in client.get("/pool").content.decode()


def test_says_what_saving_would_do_before_it_is_done(client: Client, team: Team, node: Node) -> None:
    other = Team.create(name="Cellos")
    set_quota(team=other, guaranteed=1, by=None)
    set_quota(team=team, ceiling=0, by=None)
    for each in (other, other, team):
        services.request_run(kind="script", team=each, accelerators=1)
    schedule()

    def effect(**form: str) -> str:
        return client.get(f"/pool/quotas/{team.pk}/effect", form).content.decode()

    assert effect(guaranteed="1") == "1 waiting run can start. 1 borrower will be preempted."
    assert effect(ceiling="0") == "Nothing that waits or runs now would change."
    assert effect(ceiling="many") == "Enter a whole number."
    assert "All teams together would be guaranteed 3" in effect(guaranteed="2")
    assert "cannot be guaranteed 1 accelerators and hold only 0" in effect(guaranteed="1", ceiling="0")
    assert not Run.objects.exclude(stop_reason="").exists()
    assert quota_of(team) == 0


def test_refuses_at_its_field_a_guarantee_that_nobody_could_keep(client: Client, team: Team, node: Node) -> None:
    other = Team.create(name="Cellos")
    set_quota(team=other, guaranteed=1, by=None)
    reply = client.post(f"/pool/quotas/{team.pk}", {"guaranteed": "2"})
    assert "All teams together would be guaranteed 3" in error_at(reply, f"quota-{team.pk}-guaranteed")
    Pool.objects.update(overcommit=True)
    page = client.post(f"/pool/quotas/{team.pk}", {"guaranteed": "2"}, follow=True).content.decode()
    assert "Guarantees add up to 3, more than the 2 there are." in page


def test_the_effect_is_for_administrators(team: Team) -> None:
    member = User.objects.create_user("member@example.com")
    Membership.objects.create(team=team, user=member)
    client = Client()
    client.force_login(member)
    assert client.get(f"/pool/quotas/{team.pk}/effect").status_code == 403
