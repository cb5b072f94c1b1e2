"""The proof that the ledger says what was allocated: its charges, worked out once more from the allocations."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from ledger.models import Entry

_DIFFERING = """
WITH allocated AS (
    SELECT run_id AS run, sum(extract(epoch FROM greatest(released_at, created_at) - created_at)) AS seconds
    FROM compute_allocation WHERE released_at IS NOT NULL GROUP BY run_id
), charged AS (
    SELECT run, sum(accelerator_seconds) AS seconds FROM ledger_entry WHERE what = 'charge' GROUP BY run
)
SELECT run, coalesce(allocated.seconds, 0), coalesce(charged.seconds, 0)
FROM allocated FULL JOIN charged USING (run)
LEFT JOIN compute_run ON compute_run.id = run
WHERE coalesce(allocated.seconds, 0) <> coalesce(charged.seconds, 0)
  -- The ledger outlives Runs that were deleted with their allocations, and is swept by a rule of its own.
  AND compute_run.id IS NOT NULL
  AND (%(since)s::timestamptz IS NULL OR coalesce(compute_run.ended_at, now()) >= %(since)s)
ORDER BY compute_run.created_at, run LIMIT 1
"""

_UNSETTLED = """
WITH booked AS (
    SELECT run,
           coalesce(sum(accelerator_seconds) FILTER (WHERE what = 'hold'), 0) AS held,
           coalesce(sum(accelerator_seconds) FILTER (WHERE what = 'charge'), 0) AS charged,
           coalesce(sum(accelerator_seconds) FILTER (WHERE what = 'release'), 0) AS released
    FROM ledger_entry WHERE run <> '' GROUP BY run
)
SELECT run, greatest(held - charged, 0), released
FROM booked JOIN compute_run ON compute_run.id = run
WHERE compute_run.state IN ('concluding', 'ended') AND released <> greatest(held - charged, 0)
  AND (%(since)s::timestamptz IS NULL OR coalesce(compute_run.ended_at, now()) >= %(since)s)
ORDER BY compute_run.created_at, run LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first Run of which the ledger says something else than it should, in device-seconds."""

    run: str
    expected: Decimal
    booked: Decimal


@dataclass(frozen=True, kw_only=True)
class LedgerProof:
    """What was compared."""

    num_runs: int
    num_entries: int
    charged: Decimal
    """Device-seconds."""
    difference: Difference | None
    """Between what a Run was given and what it was charged."""
    unsettled: Difference | None
    """Between what was held for a Run that is over and not taken, and what was released."""


def prove_ledger(*, since: datetime | None = None) -> LedgerProof:
    """Work the charges out from the allocations and compare, Run by Run, those that ended after `since`.

    One statement of the database looks at both sides, so that what is freed meanwhile is on both or on none.
    """
    charges = Entry.objects.charges()
    return LedgerProof(
        num_runs=charges.order_by().values("run").distinct().count(),
        num_entries=Entry.objects.count(),
        charged=charges.seconds(),
        difference=_first(_DIFFERING, since),
        unsettled=_first(_UNSETTLED, since),
    )


def _first(statement: str, since: datetime | None) -> Difference | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"since": since})
        row = cursor.fetchone()
    return Difference(run=row[0], expected=row[1], booked=row[2]) if row else None
