"""A deployment with accelerators of its own names their pool."""

import pytest
from deployments_cast import deploy
from django.test import Client
from django.utils import timezone

from common.errors import UserError
from compute.models import Device, Node, Pool, Quota
from deployments import services
from deployments.models import Deployment
from tests.console.forms import form_at

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


def test_one_that_reserves_nothing_has_none(alice, adapter, other):
    with pytest.raises(UserError, match="reserves nothing, so it has no pool"):
        deploy(alice, adapter, accelerators="shared", pool="t4")


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
    assert (back.pool, back.shared) == (None, True)


def test_the_page_asks_where_there_are_several(alice, adapter, other):
    client = Client()
    client.force_login(alice.user)
    fields = form_at(client, "/deployments", model=adapter.name, name="violin", accelerators="1", pool="t4")
    made = client.post("/deployments", fields)
    assert made.status_code == 302, made.content.decode()
    assert Deployment.objects.get().pool == other
    shared = form_at(client, "/deployments", model=adapter.name, name="name", accelerators="shared", pool="t4")
    client.post("/deployments", shared)
    assert Deployment.objects.get(name="name").pool is None
