"""A deployment is taken down in the very moment in which its replica says that it is ready, or that it is not."""

from collections.abc import Callable
from typing import Any

import pytest
from deployments_cast import deploy, run_of
from django.db import transaction

from compute.models import Run
from deployments import replicas, services
from deployments.models import Deployment, Replica
from deployments.serving_work import ServingWork
from rundir import Event
from tests.at_once import at_once
from wording import as_written

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def deployment(alice, adapter) -> Deployment:
    """One whose replica answers and is about to say what the same-answer check found."""
    made = deploy(alice, adapter)
    replica = made.live_replica
    Run.objects.filter(pk=replica.run_id).update(state=Run.State.RUNNING)
    replica.mark_ready(host="127.0.0.1", port=1)
    return made


def gate(deployment: Deployment, *, passed: bool) -> Event:
    numbers = {"max_difference": 0.1, "tolerance": 0.01, "base_difference": 1.0}
    data = {"model": deployment.adapter_id, "passed": passed, **numbers}
    return Event(seq=1, at=0.0, type="gate", message=as_written("It answers otherwise."), data=data)


def record(deployment: Deployment, *, passed: bool) -> Callable[[], None]:
    """Return what a supervisor does with the verdict: stored in a transaction that holds the Run."""
    run = run_of(deployment.live_replica)

    def act() -> None:
        with transaction.atomic():
            Run.objects.select_for_update().get(pk=run.pk)
            ServingWork().record(run, [gate(deployment, passed=passed)])

    return act


def fresh(deployment: Deployment) -> Deployment:
    return Deployment.objects.get(pk=deployment.pk)


@pytest.mark.parametrize("is_down_first", [True, False])
@pytest.mark.parametrize("passed", [True, False])
def test_it_stays_down(alice, deployment, passed: bool, is_down_first: bool) -> None:
    replica = deployment.live_replica
    acts: list[Callable[[], Any]] = [
        lambda: services.undeploy(deployment=fresh(deployment), by=alice.user),
        record(deployment, passed=passed),
    ]
    results = at_once(*(acts if is_down_first else acts[::-1]), behind=deployment)
    assert list(results) == [None, None]
    found = fresh(deployment)
    assert (found.state, found.reason, found.is_live) == ("stopped", None, False)
    assert run_of(replica).stop_reason == "cancel"


def test_no_other_replica_is_asked_for(alice, deployment) -> None:
    """Its replica ends while it is taken down."""
    replica = deployment.live_replica
    results = at_once(
        lambda: services.undeploy(deployment=fresh(deployment), by=alice.user),
        lambda: replicas.end_replica(replica=replica, outcome="lost"),
        behind=deployment,
    )
    assert list(results) == [None, None]
    replicas.restart_deployments()
    assert (fresh(deployment).state, Replica.objects.count()) == ("stopped", 1)


def test_of_two_who_take_it_down_one_is_told_that_it_was(alice, deployment) -> None:
    down = [lambda: services.undeploy(deployment=fresh(deployment), by=alice.user)] * 2
    first, second = at_once(*down, behind=deployment)
    assert (first, second.code) == (None, "deployment_not_found")
