"""A quota was one number once, and a Run's place in line its own; both are kept there and back."""

import pytest
from django.db import connection

from accounts.models import Team
from compute.models import Node, Pool, Quota, Run
from tests.migrating import migrate

BEFORE = ("compute", "0005_forecasts")


@pytest.mark.django_db(transaction=True)
def test_numbers_become_ceilings_in_the_one_pool_and_back() -> None:
    violins, cellos = Team.create(name="Violins"), Team.create(name="Cellos")
    Quota.objects.create(team=violins, ceiling=3, guaranteed=2)
    Quota.objects.create(team=cellos, guaranteed=1)
    Quota.objects.create(team=violins, pool=Pool.objects.create(name="other"), ceiling=9)
    node = Node.objects.create(name="n", queue="node-n")
    run = Run.objects.create(kind="serving", team=violins)
    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT team_id, accelerators FROM compute_quota")
        assert cursor.fetchall() == [(violins.pk, 3)]
        cursor.execute("UPDATE compute_run SET created_at = '2026-01-01 10:00+00', priority = 7")
    migrate()
    quota = Quota.objects.get()
    assert (quota.team, quota.pool, quota.guaranteed, quota.ceiling) == (violins, Pool.default(), 0, 3)
    assert Node.objects.get(pk=node.pk).pool == Pool.default()
    run.refresh_from_db()
    assert (run.pool, run.queued_at, run.priority) == (Pool.default(), run.created_at, 2)
    assert not run.preemptible
