"""GET /metrics: the platform for Prometheus. What several processes know is asked of the database at each look.

It answers the machine itself, and whoever brings LUTHIER_METRICS_TOKEN; to all others it is not there.
"""

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count, F, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from accounts.authentication import key_of
from common import measures as measures
from common import shared_measures
from compute.models import Allocation, Device, Node, Run
from compute.work import always_computing
from deployments.gateway.admission import is_local_program

GAVE_WAY = (Run.StopReason.PREEMPT, Run.StopReason.YIELD, Run.StopReason.BY_ADMIN)
Families = Iterator[GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily]


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format."""
    if not (_has_token(request) or is_local_program(request)):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PoolCollector())
    body = generate_latest(REGISTRY) + generate_latest(registry)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    given = key_of(request.headers.get("Authorization", "")) or ""
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


class PoolCollector(Collector):
    """Queue, Runs, devices and disks as the database has them now."""

    def collect(self) -> Families:
        yield from _queue()
        yield from _runs()
        yield from _devices()
        yield from _disks()
        buckets, total = shared_measures.observed(shared_measures.SCHEDULER)
        yield HistogramMetricFamily(
            "luthier_scheduler_decision_seconds",
            "A look of the scheduler at the queue.",
            buckets=buckets,
            sum_value=total,
        )


def _queue() -> Families:
    length = GaugeMetricFamily("luthier_queue_runs", "Runs that wait.", labels=["pool", "kind", "team"])
    oldest = GaugeMetricFamily("luthier_queue_oldest_seconds", "How long the longest has waited.", labels=["pool"])
    waiting = Run.objects.waiting().order_by()
    for row in waiting.values("pool__name", "kind", "team__slug").annotate(number=Count("pk")):
        length.add_metric([row["pool__name"], row["kind"], row["team__slug"]], row["number"])
    now = timezone.now()
    for name, since in waiting.values_list("pool__name").annotate(since=Min("queued_at")):
        oldest.add_metric([name], max(0.0, (now - since).total_seconds()))
    yield from (length, oldest)


def _runs() -> Families:
    states = GaugeMetricFamily("luthier_runs", "Runs that have not ended, by state.", labels=["state", "kind"])
    for row in Run.objects.live().order_by().values("state", "kind").annotate(number=Count("pk")):
        states.add_metric([row["state"], row["kind"]], row["number"])
    ended = CounterMetricFamily("luthier_runs_ended", "Runs that have ended.", labels=["outcome", "kind"])
    over = Run.objects.filter(state=Run.State.ENDED).order_by()
    for outcome, kind, number in over.values_list("outcome", "kind").annotate(number=Count("pk")):
        ended.add_metric([outcome or "none", kind], number)
    gave_way = Run.objects.filter(stop_reason__in=GAVE_WAY).count()
    yield states
    yield ended
    yield CounterMetricFamily("luthier_preemptions", "Runs that were asked to give way to others.", value=gave_way)


def _devices() -> Families:
    labels = ["pool", "node"]
    total = GaugeMetricFamily("luthier_devices", "Devices that a node has.", labels=labels)
    healthy = GaugeMetricFamily("luthier_devices_healthy", "Those that work.", labels=labels)
    held = GaugeMetricFamily("luthier_devices_held", "Those that a Run holds.", labels=labels)
    rows = Device.objects.filter(present=True).order_by().values(node_name=F("node__name"), pool=F("node__pool__name"))
    for row in rows.annotate(number=Count("pk"), working=Count("pk", filter=Q(healthy=True))):
        total.add_metric([row["pool"], row["node_name"]], row["number"])
        healthy.add_metric([row["pool"], row["node_name"]], row["working"])
    live = Allocation.objects.filter(released_at=None).order_by()
    for pool, name, number in live.values_list("device__node__pool__name", "device__node__name").annotate(Count("pk")):
        held.add_metric([pool, name], number)
    yield from (total, healthy, held)
    yield from _use()


def _use() -> Families:
    labels = ["pool", "node", "device"]
    busy = GaugeMetricFamily(
        "luthier_device_busy_percent", "How busy a device is, as its node saw last.", labels=labels
    )
    memory = GaugeMetricFamily("luthier_device_memory_used_bytes", "Memory in use, likewise.", labels=labels)
    sampled = Device.objects.filter(present=True, node__in=Node.objects.sampled()).order_by("node__name", "index")
    for pool, node, index, percent, taken in sampled.values_list(
        "node__pool__name", "node__name", "index", "utilisation", "memory_used_bytes"
    ):
        if percent is not None:
            busy.add_metric([pool, node, str(index)], percent)
        if taken is not None:
            memory.add_metric([pool, node, str(index)], taken)
    idle = GaugeMetricFamily("luthier_runs_computing_nothing", "Runs that hold devices for nothing.", labels=["kind"])
    for kind in always_computing():
        idle.add_metric([kind], Run.objects.live().filter(kind=kind).exclude(idle_told_at=None).count())
    yield from (busy, memory, idle)


def _disks() -> Families:
    free = GaugeMetricFamily("luthier_disk_free_bytes", "Free on the disk of a node's home.", labels=["node"])
    total = GaugeMetricFamily("luthier_disk_bytes", "Of the disk of a node's home.", labels=["node"])
    used = GaugeMetricFamily("luthier_home_bytes", "What a node's home takes.", labels=["node", "kind"])
    silent = GaugeMetricFamily(
        "luthier_node_silent_seconds", "Since when nothing was heard of a node.", labels=["node"]
    )
    now = timezone.now()
    for node in Node.objects.order_by("name"):
        if node.last_seen_at is not None:
            silent.add_metric([node.name], max(0.0, (now - node.last_seen_at).total_seconds()))
        if node.disk:
            free.add_metric([node.name], node.disk["free"])
            total.add_metric([node.name], node.disk["total"])
            for kind, size in node.disk["kinds"].items():
                used.add_metric([node.name, kind], size)
    yield from (free, total, used, silent)
