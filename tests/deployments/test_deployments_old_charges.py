"""Runs that ended before there was a ledger are charged by a migration, day by day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from compute.hours.proving import prove_ledger
from compute.models import Allocation, Device, Node, Run
from deployments.models import Deployment, Replica, Usage
from jobs.models import Attempt, FineTuningJob
from ledger.models import Entry
from tests.deployments.deployments_cast import make_base, make_person
from tests.migrating import migrate

BEFORE = ("deployments", "0003_who_asked")
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_earlier_runs_are_charged_for_what_they_were_given() -> None:
    alice, base = make_person("Alice"), make_base()
    node = Node.objects.create(name="n", queue="node-n")
    devices = [Device.objects.create(node=node, index=index, kind="cpu") for index in range(2)]
    trained, served = (
        Run.objects.create(kind=kind, team=alice.team, state="ended", ended_at=MIDNIGHT)
        for kind in ("training", "serving")
    )
    job = FineTuningJob.objects.create(team=alice.team, base_model=base, created_by=alice.user, status="succeeded")
    Attempt.objects.create(job=job, number=1, run=trained)
    bot = Deployment.objects.create(
        team=alice.team, name="bot", model="ft:tiny:x", base_model=base, created_by=alice.user, deleted_at=MIDNIGHT
    )
    Replica.create(run=served, base_model=base, full_model=None, deployment=bot)
    asked = Usage.objects.create(team=alice.team, api_key=alice.key, model="tiny", outcome="answered", milliseconds=1)
    for device in devices:
        begin, end = MIDNIGHT - timedelta(seconds=1.5), MIDNIGHT + timedelta(seconds=2)
        Allocation.objects.create(run=trained, device=device, created_at=begin, released_at=end)
    Allocation.objects.create(
        run=served, device=devices[0], created_at=MIDNIGHT, released_at=MIDNIGHT + timedelta(days=1)
    )
    migrate(BEFORE)
    for _ in range(2):  # turned back and done again it charges nothing twice
        migrate()
        charges = Entry.objects.charges().order_by("kind", "day")
        assert [(e.kind, e.day.day, e.accelerator_seconds, e.model, e.user, e.pool) for e in charges] == [
            ("serving", 2, Decimal(86400), "ft:tiny:x", "alice@example.com", "default"),
            ("training", 1, Decimal(3), "tiny", "alice@example.com", "default"),
            ("training", 2, Decimal(4), "tiny", "alice@example.com", "default"),
        ]
        assert prove_ledger().difference is None
        migrate(BEFORE)
    migrate()
    asked.refresh_from_db()
    assert asked.user == alice.user
