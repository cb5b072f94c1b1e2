"""What a node's Celery worker does besides its tasks: it registers the node, wakes its Runs and shows that it lives."""

import logging
import threading
from typing import Any

from celery import signals
from django.conf import settings
from django.db import connection

from compute.models import Node
from compute.node.devices import node_queue, register_node
from compute.node.forkserver import FORK_SERVER
from compute.node.hold import DATABASE_AWAY, STOPPING
from compute.node.sampling import sample_node
from compute.wakes import wake_live_runs, wake_scheduler

logger = logging.getLogger(__name__)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def start_heartbeat(sender: Any, **kwargs: Any) -> None:
    """Begin to report for this node, if the worker that is ready reads the node's queue."""
    if node_queue() in sender.app.amqp.queues.consume_from:
        FORK_SERVER.start()
        threading.Thread(target=_speak_for_node, name="node-heartbeat", daemon=True).start()
        threading.Thread(target=sample_node, name="node-sampler", daemon=True).start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def let_go_of_runs(**kwargs: Any) -> None:
    """Let every supervisor of this worker return; the process trees keep running."""
    STOPPING.set()
    FORK_SERVER.stop()


def _speak_for_node() -> None:
    """Register once the database answers, then say every few seconds that the node is there."""
    node: Node | None = None
    delay = 0.0
    while not STOPPING.wait(delay):
        delay = min(settings.TIMES.node_silent_seconds / 6, 5.0)
        try:
            if node is None:
                node = register_node(reopens=False)
                wake_live_runs(node)
                wake_scheduler()
            else:
                node.mark_seen()
        except DATABASE_AWAY as error:
            logger.warning("The database did not answer the node's heartbeat: %s", error)
            connection.close()
            delay = settings.TIMES.lease_retry_seconds
    connection.close()
