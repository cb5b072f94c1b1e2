"""The form of a deployment: sent twice it makes one, and does not complain that its own name is taken."""

import pytest
from django.test import Client

from deployments.models import Deployment
from tests.console.forms import form_at, forms_of, sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def test_sent_twice_it_makes_one(client, adapter):
    first, second = sent_twice(client, "/deployments", model=adapter.name, name="violin")
    assert first.url == second.url == f"/deployments/{Deployment.objects.get().pk}"


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
