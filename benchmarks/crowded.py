"""Rows by the million: a row that the platform's own code has made, copied by the database with columns changed."""

# ruff: noqa: S608
# What the SQL is made of stands in this file.

from typing import Any

TEAMS, WAITING, DEVICES, DEVICES_OF_A_NODE = 100, 10_000, 1_000, 8
TEAM_OF_N = f"(SELECT id FROM accounts_team WHERE name = 'Team ' || n % {TEAMS})"
NODE_OF_N = f"(SELECT id FROM compute_node WHERE name = 'node-' || n / {DEVICES_OF_A_NODE})"
LONG = "ftjob-" + "0" * 24
"""The job with the many events."""


def copies(model: Any, pk: Any, count: int, **columns: str) -> None:
    """Copy the row `count` times; `columns` are SQL in which `n` is the copy's number from 1 and `row` the original."""
    from django.db import connection

    names = [field.column for field in model._meta.concrete_fields]
    if model._meta.auto_field is not None:
        names.remove(model._meta.auto_field.column)
    values = ", ".join(columns.get(name, f"row.{name}") for name in names).replace("%", "%%")
    table, key = model._meta.db_table, model._meta.pk.column
    sql = (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} AS row, generate_series(1, %s) AS n "
        f"WHERE row.{key} = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [count, pk])


def fill(*, jobs: int, events: int, deep: int) -> None:
    """Make 100 teams, `jobs` jobs and `events` events; `deep` of each stand in one list, to be paged through."""
    from django.db import connection

    from accounts.models import Team

    first = Team.create(name="Team 0")
    copies(Team, first.pk, TEAMS - 1, name="'Team ' || n", slug="'team-of-' || n")
    _fill_events(_fill_jobs(first, jobs=jobs, deep=deep), jobs=jobs, events=events, deep=deep)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _fill_jobs(team: Any, *, jobs: int, deep: int) -> Any:
    """Make jobs, the first `deep` of one team; return the newest."""
    from django.utils import timezone

    from catalogue.models import BaseModel
    from jobs.models import FineTuningJob

    base = BaseModel.objects.create(
        id="crowded", display_name="Crowded", family="llama", parameters=1, context_length=1, hidden_size=1,
        num_layers=1, vocab_size=1, licence="none", template="own",
    )  # fmt: skip
    job = FineTuningJob.objects.create(
        id=LONG, team=team, base_model=base, status="succeeded", total_steps=1000, num_events=deep,
        fine_tuned_model="ft:crowded:0", finished_at=timezone.now(), file_ids={"training": "file-a", "validation": None}
    )  # fmt: skip
    copies(
        FineTuningJob, job.pk, jobs - 1,
        id="'ftjob-' || lpad(n::text, 24, '0')",
        team_id=f"CASE WHEN n < {deep} THEN {team.pk} ELSE {TEAM_OF_N} END",
        created_at="row.created_at - n * interval '7 seconds'",
        status="CASE n % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'succeeded' END",
        fine_tuned_model="'ft:crowded:' || n",
    )  # fmt: skip
    return job


def _fill_events(job: Any, *, jobs: int, events: int, deep: int) -> None:
    """Make `deep` events of the job, and as many of each other job as the rest comes to."""
    from jobs.models import FineTuningJob, JobEvent
    from wording import as_written

    said, at = as_written("Step 1: a training loss of 1.0."), "row.created_at + n * interval '1 second'"
    data = {"step": 1, "total_steps": 1000, "train_loss": 1.0}
    event = JobEvent.objects.create(job=job, number=1, message=said, type="metrics", data=data)
    copies(JobEvent, event.pk, deep - 1, id="'ftevent-a' || n", number="n + 1", created_at=at)
    each = (events - deep) // (jobs - 1)
    copies(
        JobEvent, event.pk, each * (jobs - 1), id="'ftevent-b' || n", number=f"(n - 1) % {each} + 1", created_at=at,
        job_id=f"'ftjob-' || lpad(((n - 1) / {each} + 1)::text, 24, '0')",
    )  # fmt: skip
    FineTuningJob.objects.exclude(pk=job.pk).update(num_events=each)


def fill_pool() -> None:
    """Make a pool of 1,000 devices that teams hold, with 10,000 Runs waiting behind them."""
    from django.utils import timezone

    from accounts.models import Team
    from compute.models import Allocation, Device, Node, Quota, Run

    team, now = Team.objects.get(name="Team 0"), timezone.now()
    quota = Quota.objects.create(team=team, guaranteed=8, ceiling=400)
    copies(Quota, quota.pk, TEAMS - 1, team_id=TEAM_OF_N)
    node = Node.objects.create(name="node-0", queue="node-0", kind="cuda", last_seen_at=now)
    nodes = DEVICES // DEVICES_OF_A_NODE
    copies(Node, node.pk, nodes - 1, name="'node-' || n", queue="'node-' || n")
    device = Device.objects.create(node=node, index=0, kind="cuda", name="a GPU", memory_bytes=80 * 10**9)
    copies(
        Device, device.pk, DEVICES - 1, index=f"n % {DEVICES_OF_A_NODE}",
        node_id=NODE_OF_N,
    )  # fmt: skip
    run = Run.objects.create(kind="training", team=team, state="running", label="a training", node=node, started_at=now)
    copies(
        Run, run.pk, DEVICES - 1, id="'run-a' || n", team_id=TEAM_OF_N,
        node_id=NODE_OF_N,
    )  # fmt: skip
    ids = [run.pk, *(f"run-a{n}" for n in range(1, DEVICES))]
    devices = Device.objects.order_by("pk").values_list("pk", flat=True)
    Allocation.objects.bulk_create(
        Allocation(run_id=holder, device_id=held) for holder, held in zip(ids, devices, strict=True)
    )
    copies(
        Run, run.pk, WAITING, id="'run-b' || n", team_id=TEAM_OF_N, state="'waiting'", node_id="NULL",
        started_at="NULL", queued_at="row.created_at - n * interval '3 seconds'",
    )  # fmt: skip
