"""A Run whose end had consequences still to come was "finishing" once."""

import pytest
from django.db import connection

from accounts.models import Team
from compute.models import Run
from tests.migrating import migrate

BEFORE = ("compute", "0010_maintenance")


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_finishing_concludes() -> None:
    run = Run.objects.create(kind="script", team=Team.create(name="Violins"), state=Run.State.CONCLUDING)
    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM compute_run WHERE id = %s", [run.pk])
        assert cursor.fetchone() == ("finishing",)
    migrate()
    assert Run.objects.get(pk=run.pk).state == "concluding"
