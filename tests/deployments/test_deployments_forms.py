"""The form of a deployment: sent twice it makes one, and does not complain that its own name is taken."""

import re
from datetime import timedelta

import pytest
from deployments_cast import deploy, make_ready
from django.test import Client
from django.utils import timezone

from compute.models import Quota
from deployments import replicas
from deployments.models import Deployment, Replica
from tests.console.forms import error_at, form_at, forms_of, sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def test_sent_twice_it_makes_one(client, adapter):
    first, second = sent_twice(client, "/deployments", model=adapter.name, name="violin")
    assert first.url == second.url == f"/deployments/{Deployment.objects.get().pk}"


def test_is_a_name_unless_it_asks_for_accelerators_of_its_own(client, adapter):
    client.post("/deployments", {"model": adapter.name, "name": "a", "accelerators": "shared", "min_replicas": "1"})
    client.post("/deployments", {"model": adapter.name, "name": "b", "accelerators": "1", "min_replicas": "1"})
    own = {"min_replicas": "0", "accelerators": "auto"}
    client.post("/deployments", {"model": adapter.name, "name": "c", **own})
    found = {one.name: (one.reserved, one.min_replicas) for one in Deployment.objects.all()}
    assert found == {"a": ("shared", 0), "b": (1, 1), "c": ("auto", 0)}


def test_says_what_accelerators_cost_of_the_teams_hours(client, alice, adapter):
    assert "1: up to 720 accelerator-hours a month" in client.get("/deployments").content.decode()
    Quota.objects.create(team=alice.team, accelerator_hours=1000)
    assert "1: up to 720 of your 1,000 accelerator-hours a month" in client.get("/deployments").content.decode()


def test_of_settings_starts_nothing_anew_that_is_not_changed(client, alice, adapter):
    made = deploy(alice, adapter, accelerators=1)
    page, saved = f"/deployments/{made.pk}", f"/deployments/{made.pk}/settings"
    assert form_at(client, page, saved)["accelerators"] == ["1"]
    client.post(saved, {"accelerators": "1", "min_replicas": "0", "open_to_loopback": "1"})
    made.refresh_from_db()
    assert (made.min_replicas, made.open_to_loopback, made.live_replica.run.stop_requested_at) == (0, True, None)
    client.post(saved, {"accelerators": "shared", "min_replicas": "0"})
    made.refresh_from_db()
    assert (made.reserved, made.live_replica.run.stop_reason) == ("shared", "expire")


def test_of_one_that_sleeps_says_since_when_and_how_long_waking_takes(client, alice, adapter):
    made = deploy(alice, adapter, accelerators="shared")
    replica = make_ready(Replica.objects.get())
    Replica.objects.update(created_at=timezone.now() - timedelta(seconds=9))
    replicas.end_replica(replica=replica, outcome="stopped")
    page = client.get(f"/deployments/{made.pk}").content.decode()
    assert "in about 9 seconds" in page
    assert "Asleep since" in page


def test_an_expired_session_brings_it_back(client, alice, adapter):
    alice.user.set_password("a long enough one")
    alice.user.save()
    client.force_login(alice.user)
    left = form_at(client, "/deployments", model=adapter.name, name="cello", accelerators="auto", open_to_loopback="1")
    client.session.flush()
    reply = client.post("/deployments", left)
    page = client.post(reply.url, {"email": alice.user.email, "password": "a long enough one"}, follow=True)
    form = next(one for one in forms_of(page, "/deployments") if one.action == "/deployments")
    for name in ("model", "name", "accelerators", "open_to_loopback"):
        assert form.fields[name] == ([left[name]] if isinstance(left[name], str) else left[name])
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "status", "sentence"),
    [
        ({"name": "-violin"}, 400, "name"),
        ({"name": ""}, 400, "This field is required."),
        ({"name": "x" * 65}, 400, "at most 64 characters"),
        ({"model": "ft:nobody"}, 404, "ft:nobody"),
        ({"accelerators": "many"}, 400, "whole number of at least 1, shared or auto"),
        ({"accelerators": "0"}, 400, "whole number of at least 1, shared or auto"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client, adapter, wrong, status, sentence):
    form = form_at(client, "/deployments", model=adapter.name, name="violin", open_to_loopback="1")
    reply = client.post("/deployments", {**form, **wrong})
    [field] = wrong
    assert reply.status_code == status
    assert sentence in error_at(reply, field)
    shown = next(one for one in forms_of(reply, "/deployments") if one.action == "/deployments")
    assert shown.fields["open_to_loopback"] == ["1"]
    assert shown.fields["name"] == [{**form, **wrong}["name"]]
    assert not Deployment.objects.exists()


def test_a_name_that_is_taken_is_said_in_chinese_at_the_name(client, alice, adapter):
    sent_twice(client, "/deployments", model=adapter.name, name="violin")
    form = form_at(client, "/deployments", model=adapter.name, name="violin")
    reply = client.post("/deployments", form, headers={"accept-language": "zh-hans"})
    assert reply.status_code == 409
    assert re.search(r"[\u4e00-\u9fff]", error_at(reply, "name"))
    assert Deployment.objects.count() == 1


def test_an_open_name_of_another_team_is_refused_on_the_settings_form(client, bob, adapter):
    sent_twice(client, "/deployments", model=adapter.name, name="violin")
    made = Deployment.objects.get()
    Deployment.objects.create(
        team=bob.team, name="violin", model="base", base_model=made.base_model, open_to_loopback=True
    )
    reply = client.post(f"/deployments/{made.pk}/settings", {"open_to_loopback": "1"})
    assert reply.status_code == 409
    assert 'role="alert"' in reply.content.decode()
    form = next(one for one in forms_of(reply) if one.action.endswith("/settings"))
    assert form.fields["open_to_loopback"] == ["1"]
    made.refresh_from_db()
    assert not made.open_to_loopback
