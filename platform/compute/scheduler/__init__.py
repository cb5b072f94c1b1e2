"""The scheduler: a pure function from what is to what shall be, and why the rest waits.

Who comes first:

1. Runs within their team's guarantee, by priority, then place in line. One that finds no room takes it back from Runs
   that borrow (`reclaiming`), and keeps its claim to them until it starts. Where what is lent lies scattered over
   nodes, smaller Runs within their guarantees move to others (`preempting`).
2. Runs that would borrow: urgent ones first, then those of the team that has used least over its guarantee (a decayed
   sum, with what it holds and gets in this pass counted for `horizon` seconds ahead; a team without a guarantee counts
   as one of 1), then priority, then place in line.

What bends that:

- *Limits.* No Run starts beyond its team's ceiling or its person's limit. It waits, and so does later work of that team
  or person; others pass by.
- *Room.* A Run that finds no node with enough free devices claims those that are coming free. Where not enough of them
  are, it reserves the node on which they should come together first: no later Run gets a device there, unless it will
  have ended before the reservation begins, or the reservation does not need that device (backfill). So a large Run is
  never starved by small ones.
- *Giving way.* Idle yielding Runs (shared replicas) are stopped for a Run that waits, the fewest that are needed.
- *Maintenance.* A Run starts only where it will have ended before the node's next maintenance begins, as far as that is
  known; what still runs at its beginning is drained (`windows`). Meanwhile the node takes nothing.
- *Beside.* A Run that asks for no device (a shared replica on cores) starts beside whatever holds them (`beside`).
- *Auto.* A Run without a fixed size takes all it may of the best node when nobody else waits; else as much as its team
  is guaranteed, at least its minimum. One that has run before keeps its number.

Nothing is scanned or asked for each pair of Run and node: what does not fit now does not fit later in the same pass,
and neither does anything as large.
"""

from compute.scheduler.line import decide
from compute.scheduler.snapshot import (
    Decision,
    End,
    Held,
    NodeState,
    Snapshot,
    SpentHours,
    Start,
    Stop,
    Wait,
    Waiting,
    Window,
)

__all__ = [
    "Decision",
    "End",
    "Held",
    "NodeState",
    "Snapshot",
    "SpentHours",
    "Start",
    "Stop",
    "Wait",
    "Waiting",
    "Window",
    "decide",
]
