"""Wake-ups by name, so that what a task runs can itself wake others."""

from celery import Task

from common.wake import wake
from compute.models import Node, Run

SUPERVISE = "compute.supervise"
SCHEDULE = "compute.schedule"
FORECAST = "compute.forecast"


def wake_scheduler() -> None:
    """Let the scheduler look at the queue once the current transaction has committed."""
    wake(SCHEDULE)


def wake_supervisor(run_id: str, *, queue: str | None) -> None:
    """Let a worker of `queue` (None: any control worker) look at the Run."""
    wake(SUPERVISE, run_id, queue=queue)


def wake_live_runs(node: Node) -> None:
    """Wake every live Run of a node whose worker has just started: its predecessor may have died with them."""
    for run_id in Run.objects.live().filter(node=node).values_list("pk", flat=True):
        wake_supervisor(run_id, queue=node.queue)


def wake_every_node(task: Task) -> None:
    """Have each live node run `task`, which looks after its own home."""
    for node in Node.objects.heard():
        wake(task, queue=node.queue)
