"""Wake-ups of compute: each says where to look, and the database says what to do."""

import socket
import threading

from celery import shared_task
from django.conf import settings
from django.db import close_old_connections

from catalogue.tasks import care_for_models
from common.log_lines import about
from common.rounds import alone
from compute import reconciling, wakes
from compute.forecasting import lines
from compute.node import worker
from compute.node.supervisor import Supervisor
from compute.scheduling import rounds

__all__ = ["PERIODIC", "reconcile", "schedule", "supervise", "worker"]


@shared_task(name=wakes.SUPERVISE)  # type: ignore[untyped-decorator]
def supervise(run_id: str) -> None:
    """Look after a Run for as long as it lives; returns at once when another worker does."""
    close_old_connections()
    with about(run=run_id):
        Supervisor(run_id, f"{socket.gethostname()}/{threading.get_ident()}").run()


@shared_task(name=wakes.SCHEDULE)  # type: ignore[untyped-decorator]
def schedule() -> None:
    rounds.schedule()


@shared_task(name=wakes.FORECAST)  # type: ignore[untyped-decorator]
def forecast() -> None:
    """Say when the first Runs in line should start."""
    with alone("forecast") as is_alone:
        if is_alone:
            lines.forecast_lines()


@shared_task(name="compute.reconcile")  # type: ignore[untyped-decorator]
def reconcile() -> None:
    reconciling.reconcile()


@shared_task(name="compute.care_for_models_on_nodes")  # type: ignore[untyped-decorator]
def care_for_models_on_nodes() -> None:
    """Let each node look after its own copies of base models."""
    wakes.wake_every_node(care_for_models)


PERIODIC = {
    "reconcile": ("compute.tasks.reconcile", max(1.0, settings.TIMES.reconcile_seconds)),
    "forecast": ("compute.tasks.forecast", 5 * settings.TIMES.reconcile_seconds),
    "care-for-models-on-nodes": ("compute.tasks.care_for_models_on_nodes", 600),
}
