"""A deployment names its pool: it answers there, on accelerators of its own or on the shared replica of its base."""

import pytest
from deployments_cast import deploy, make_ready
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent
from common.errors import UserError
from compute.models import Device, Node, Pool, Quota, Run
from deployments import replicas, services
from deployments.gateway.waking import Waiting, route_or_wake
from deployments.models import Deployment, Replica
from deployments.names import find_target
from deployments.standing import standings
from tests.console.forms import form_at
from wording import as_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def other(alice) -> Pool:
    """A pool of one GPU in which Alice's team has a quota."""
    Pool.default()
    pool = Pool.objects.create(name="t4", title="T4")
    node = Node.objects.create(name="gpu-1", queue="gpu-1", kind="cuda", pool=pool, last_seen_at=timezone.now())
    Device.objects.create(node=node, index=0, kind="cuda", memory_bytes=16 * 10**9)
    Quota.objects.create(team=alice.team, pool=pool)
    return pool


def test_its_replica_waits_in_that_pool(alice, adapter, other):
    made = deploy(alice, adapter, accelerators="auto", pool="t4")
    run = made.live_replica.run
    assert (made.pool, run.pool, run.accelerators) == (other, other, 1)
    assert deploy(alice, adapter, name="second", accelerators=1).live_replica.run.pool == Pool.default()


def test_names_in_a_pool_share_its_replica_and_no_other(alice, adapter, base, other):
    there = deploy(alice, adapter, accelerators="shared", pool="t4")
    beside = deploy(alice, adapter, name="second", accelerators="shared", pool="t4")
    here = deploy(alice, adapter, name="third", accelerators="shared")
    named = deploy(alice, adapter, name="fourth", accelerators="shared", pool="default")
    runs = {run.pool.name: run for run in Run.objects.all()}
    assert {name: run.accelerators for name, run in runs.items()} == {"default": 0, "t4": 1}
    make_ready(Replica.objects.get(run=runs["t4"]))
    found = standings(Deployment.objects.all())
    states = [found[one.pk].state for one in (there, beside, here, named)]
    assert states == ["answering", "answering", "starting", "starting"]
    route = route_or_wake(find_target(team=alice.team, name="violin"))
    assert route.replica_id == Replica.objects.get(run=runs["t4"]).pk
    assert isinstance(route_or_wake(find_target(team=alice.team, name="third")), Waiting)
    assert isinstance(route_or_wake(find_target(team=alice.team, name=adapter.name)), Waiting)
    assert Run.objects.count() == 2


def test_what_becomes_of_a_replica_is_told_to_the_names_of_its_pool(alice, adapter, other):
    there, here = (deploy(alice, adapter, name=one, accelerators="shared", pool=one) for one in ("t4", "default"))
    replica = make_ready(Replica.objects.get(pool=other), prove=False)
    replicas.record_gate(replica=replica, model=adapter.id, refusal=as_written("It differs."), verdict={})
    states = [Deployment.objects.get(pk=one.pk).state for one in (there, here)]
    assert states == ["failed", "starting"]


def test_a_name_moves_to_another_pool(alice, adapter, other):
    made = deploy(alice, adapter, accelerators="shared")
    changed = services.update_deployment(deployment=made, by=alice.user, pool="t4")
    assert (changed.pool, changed.reserved) == (other, "shared")
    assert Replica.objects.live().shared().filter(pool=other).exists()
    back = services.update_deployment(deployment=changed, by=alice.user, pool="default")
    assert back.pool is None
    event = AuditEvent.objects.latest("pk")
    assert (event.before["pool"], event.after["pool"]) == ("t4", "default")


def test_one_whose_team_lost_its_quota_stays_where_it_is(alice, adapter, other):
    made = deploy(alice, adapter, accelerators="shared", pool="t4")
    Quota.objects.update(ceiling=0)
    client = Client()
    client.force_login(alice.user)
    page, saved = f"/deployments/{made.pk}", f"/deployments/{made.pk}/settings"
    fields = form_at(client, page, saved, open_to_loopback="1")
    assert fields["pool"] == ["t4"]
    assert client.post(saved, fields).status_code == 302
    made.refresh_from_db()
    assert (made.pool, made.open_to_loopback) == (other, True)


def test_is_refused_without_a_quota_and_without_room(alice, adapter, base, other):
    base.parameters = 14_000_000_000
    base.save()
    with pytest.raises(UserError, match="alone take 28 GB"):
        deploy(alice, adapter, accelerators=1, pool="t4")
    Quota.objects.all().delete()
    with pytest.raises(UserError, match="has no quota in the pool T4"):
        deploy(alice, adapter, accelerators=1, pool="t4")
    assert not Deployment.objects.exists()


def test_another_pool_starts_it_anew_and_the_same_one_does_not(alice, adapter, other):
    made = deploy(alice, adapter, accelerators=1)
    run = made.live_replica.run
    services.update_deployment(deployment=made, by=alice.user, min_replicas=0)
    run.refresh_from_db()
    assert run.stop_reason == ""
    changed = services.update_deployment(deployment=made, by=alice.user, pool="t4")
    run.refresh_from_db()
    assert (changed.pool, changed.reserved, run.stop_reason) == (other, 1, "expire")
    back = services.update_deployment(deployment=changed, by=alice.user, accelerators="shared")
    assert (back.pool, back.shared) == (other, True)


def test_the_page_asks_where_there_are_several(alice, adapter, other):
    client = Client()
    client.force_login(alice.user)
    fields = form_at(client, "/deployments", model=adapter.name, name="violin", accelerators="1", pool="t4")
    made = client.post("/deployments", fields)
    assert made.status_code == 302, made.content.decode()
    assert Deployment.objects.get().pool == other
    shared = form_at(client, "/deployments", model=adapter.name, name="name", accelerators="shared", pool="t4")
    client.post("/deployments", shared)
    assert Deployment.objects.get(name="name").pool == other
    assert client.get("/deployments").content.decode().count("Pool: T4") == 2
    shown = client.get(f"/deployments/{Deployment.objects.get(name='name').pk}").content.decode()
    assert "<dt>Pool</dt>" in shown
    Quota.objects.all().delete()
    Deployment.objects.update(pool=None)
    assert "Pool: " not in client.get("/deployments").content.decode()
