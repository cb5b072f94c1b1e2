"""How a Run ended was kept as a sentence once; it is a message since, and a sentence again on the way back."""

import pytest
from django.db import connection

from accounts.models import Team
from common.errors import INTERNAL
from compute.messages import message
from compute.models import Run
from compute.node.launcher import Death
from tests.migrating import migrate
from wording import as_written

BEFORE = ("compute", "0002_disk")
SAID = {
    "The process ended without saying why. An administrator finds more in its log.": Death().message,
    "The process was killed by signal 9 (SIGKILL).": Death(exit_code=-9).message,
    "The process ended with exit status 7. An administrator finds more in its log.": Death(exit_code=7).message,
    "The process ran out of memory and the system killed it. Use a smaller batch or a smaller model.": Death(
        out_of_memory=True
    ).message,
    "The host was restarted meanwhile.": message("host_restarted"),
    "The node node-2.example.org has not been heard from any more.": message("node_gone", node="node-2.example.org"),
    "The process could not be started: Permission denied.": message("process_not_started", reason="Permission denied"),
    "Something went wrong on the server. It has been logged; try again, or tell your administrator.": INTERNAL,
    "Out of memory at step 3.": as_written("Out of memory at step 3."),
    "": None,
}


@pytest.mark.django_db(transaction=True)
def test_sentences_become_messages_and_back() -> None:
    team = Team.create(name="Violins")
    runs = {text: Run.objects.create(kind="script", team=team, outcome_message=said) for text, said in SAID.items()}
    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, outcome_message FROM compute_run")
        assert dict(cursor.fetchall()) == {run.pk: str(SAID[text] or "") for text, run in runs.items()}
        cursor.executemany(
            "UPDATE compute_run SET outcome_message = %s WHERE id = %s", [(text, run.pk) for text, run in runs.items()]
        )
    migrate()
    assert {text: Run.objects.get(pk=run.pk).outcome_message for text, run in runs.items()} == SAID
