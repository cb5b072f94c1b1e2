"""The control worker's heartbeat, read by /healthz."""

import time

from celery import shared_task

from common.valkey import UNREACHABLE, client
from console.health import CONTROL_BEAT_KEY, CONTROL_SILENT_SECONDS


@shared_task
def control_beat() -> None:
    try:
        client().set(CONTROL_BEAT_KEY, time.time(), ex=CONTROL_SILENT_SECONDS)
    except UNREACHABLE:
        return


PERIODIC = {"control-beat": ("console.tasks.control_beat", 2.0)}
