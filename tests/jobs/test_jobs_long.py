"""A long job costs the database little: 200,000 conversations, three epochs, batches of eight."""

from typing import Any

import pytest
from django.db import connection
from job_makers import STARTED, make_job

from compute.models import Run
from jobs.models import JobEvent
from jobs.training.work import Training
from rundir import Event
from wording import as_written

STEPS = 75_000
SAVES = 10
MOST_ROWS = 1_000 + SAVES + 20
MOST_BYTES = 1_000_000
BATCH = 500


def events() -> list[Event]:
    """Return everything that such a trainer says."""
    data = {"train_loss": 1.2345678901234567, "learning_rate": 1e-4, "tokens_per_second": 1234.5678, "tokens": 2048}
    found = [("started", {**STARTED, "total_steps": STEPS, "resumed_from_step": 0})]
    for step in range(1, STEPS + 1):
        more = {"step": step, "total_steps": STEPS, "peak_memory_bytes": 10**10, "seconds": 0.38, **data}
        found.append(("metrics", more))
        if step % (STEPS // SAVES) == 0:
            found.append(("checkpoint", {"step": step, "path": f"checkpoints/step-{step}", "bytes": 10**9}))
    return [
        Event(
            seq=number,
            at=1_795_000_000.0 + number,
            type=type,
            level="info",
            message=as_written(f"{type} {number}"),
            data=data,
        )
        for number, (type, data) in enumerate(found, 1)
    ]


@pytest.mark.django_db
def test_rows_and_bytes_are_bounded(alice: Any) -> None:
    job = make_job(alice.team)
    attempt = job.newest_attempt
    assert attempt is not None
    run, said = Run.objects.get(pk=attempt.run_id), events()
    for start in range(0, len(said), BATCH):
        Training().record(run, said[start : start + BATCH])
    rows = JobEvent.objects.filter(job=job).count()
    with connection.cursor() as cursor:
        cursor.execute("select sum(pg_column_size(e.*)) from jobs_jobevent e where job_id = %s", [job.pk])
        num_bytes = cursor.fetchone()[0]
    assert 1_000 <= rows <= MOST_ROWS
    assert num_bytes < MOST_BYTES, f"{num_bytes} bytes"
    job.refresh_from_db()
    assert job.current_step == STEPS
    print(f"{rows} rows, {num_bytes} bytes")
