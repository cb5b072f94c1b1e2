"""The control worker's heartbeat, read by /healthz, and the sweeping of what need not be kept."""

import time

from celery import shared_task

from common.valkey import UNREACHABLE, client
from compute.wakes import wake_every_node
from console import retention
from console.health import CONTROL_BEAT_KEY, CONTROL_SILENT_SECONDS


@shared_task
def control_beat() -> None:
    try:
        client().set(CONTROL_BEAT_KEY, time.time(), ex=CONTROL_SILENT_SECONDS)
    except UNREACHABLE:
        return


@shared_task(name="console.sweep_home")
def sweep_home() -> None:
    """Sweep this machine's home."""
    retention.sweep_home()


@shared_task(name="console.sweep")
def sweep() -> None:
    """Sweep the database, the home of this worker and that of each node."""
    retention.sweep_database()
    wake_every_node(sweep_home)
    retention.sweep_home()


PERIODIC = {
    "control-beat": ("console.tasks.control_beat", 2.0),
    "sweep": ("console.tasks.sweep", 300),
}
