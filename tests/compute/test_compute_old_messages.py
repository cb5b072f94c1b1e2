"""How a Run ended was kept as a sentence once; it is a message since, and a sentence again on the way back."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Team
from common.errors import INTERNAL
from common.storage_errors import BUCKET, CREDENTIALS, FILES
from compute.launcher import Death
from compute.messages import message
from compute.models import Run
from wording import as_written

BEFORE, AFTER = ("compute", "0002_disk"), ("compute", "0003_outcome_as_message")
SAID = (
    *(Death(exit_code=code).message for code in (None, -9, 7)),
    Death(out_of_memory=True).message,
    message("away_too_long"),
    message("host_restarted"),
    message("node_gone", node="node-2.example.org"),
    message("process_not_started", reason="Permission denied"),
    INTERNAL, BUCKET, CREDENTIALS, FILES,
    as_written("Out of memory at step 3."),
)  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_sentences_become_messages_and_back() -> None:
    team = Team.create(name="Violins")
    runs = [Run.objects.create(kind="script", team=team, outcome_message=said) for said in (*SAID, None)]
    MigrationExecutor(connection).migrate([BEFORE])
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, outcome_message FROM compute_run")
        kept = dict(cursor.fetchall())
    MigrationExecutor(connection).migrate([AFTER])
    assert [kept[run.pk] for run in runs] == [*map(str, SAID), ""]
    assert [Run.objects.get(pk=run.pk).outcome_message for run in runs] == [*SAID, None]
