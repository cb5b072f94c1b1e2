"""The log as JSON: one object a line, with the ids of what it is about."""

import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Team
from catalogue.models import BaseModel
from common import log_lines, request_ids
from compute import tasks
from compute.models import Run
from jobs.models import Attempt, FineTuningJob
from jobs.training import attempts

pytestmark = pytest.mark.usefixtures("plain_static")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, as JSON."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(log_lines.JsonFormatter())
    handler.addFilter(log_lines.Filter())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)
    request_ids.current.set("")


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_is_one_object_whatever_is_in_it(written: io.StringIO) -> None:
    request_ids.begin("req-of-this-test")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("violins").exception('A "bad"\n%s', "弦")
    [line] = lines(written)
    assert line["message"] == 'A "bad"\n弦'
    assert (line["level"], line["logger"], line["request_id"]) == ("ERROR", "violins", "req-of-this-test")
    assert line["time"].endswith("+00:00")
    assert "ValueError: two" in line["exception"]


def test_ids_are_there_for_as_long_as_they_are_worked_at(written: io.StringIO) -> None:
    logger = logging.getLogger("violins")
    request_ids.current.set("")
    log_lines.add(job="nobody's")
    with log_lines.about(run="run-1"):
        log_lines.add(job="job-1", attempt=3)
        logger.warning("inside")
    logger.warning("outside")
    inside, outside = lines(written)
    assert {key: inside[key] for key in inside if key.endswith("_id")} == {
        "run_id": "run-1",
        "job_id": "job-1",
        "attempt_id": "3",
    }
    assert set(outside) == {"time", "level", "logger", "message"}


@pytest.mark.django_db
def test_a_supervisors_lines_name_run_job_and_attempt(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    base = BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=1, context_length=512, hidden_size=64, num_layers=2,
        vocab_size=300, licence="none", template="own",
    )  # fmt: skip
    team = Team.create(name="Violins")
    job = FineTuningJob.objects.create(team=team, base_model=base)
    run = Run.objects.create(kind="training", team=team)
    attempt = Attempt.objects.create(job=job, number=1, run=run)

    class Supervisor:
        def __init__(self, *whom: str) -> None: ...

        def run(self) -> None:
            attempts.attempt_of(run)
            logging.getLogger("compute.node.supervisor").warning("it is slow")

    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)  # the test holds its own
    monkeypatch.setattr(tasks, "Supervisor", Supervisor)
    tasks.supervise(run.pk)
    line = lines(written)[-1]
    assert (line["run_id"], line["job_id"], line["attempt_id"]) == (run.pk, job.pk, str(attempt.pk))


@pytest.mark.django_db
def test_a_requests_lines_bear_its_id(written: io.StringIO) -> None:
    Client().get("/nowhere", headers={"x-request-id": "req-from-a-client"})
    logging.getLogger("violins").warning("later in the same thread")
    assert lines(written)[-1]["request_id"] == "req-from-a-client"


@pytest.mark.parametrize(("value", "works"), [("json", True), ("JSON", True), ("", True), ("xml", False)])
def test_the_setting(value: str, works: bool, tmp_path: Path) -> None:
    code = "import django; django.setup(); import logging; logging.getLogger('violins').warning('heard')"
    environment = {
        **os.environ,
        "LUTHIER_LOG_FORMAT": value,
        "LUTHIER_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode == 0) == works
    if not works:
        assert "LUTHIER_LOG_FORMAT is 'xml'. It must be one of: line, json." in done.stderr
    elif value:
        assert json.loads(done.stderr.splitlines()[-1])["message"] == "heard"
    else:
        assert done.stderr.rstrip().endswith("WARNING - violins: heard")
