"""What there is to compute with, how it is shared out, who holds it, and when waiting work should start."""

from compute.models.forecasts import RunForecast
from compute.models.maintenance import Maintenance
from compute.models.nodes import Device, Node
from compute.models.runs import Allocation, Decided, NotHeld, Priority, Run, RunQuerySet
from compute.models.shares import HoursNotice, Pool, Quota, TeamUsage

__all__ = [
    "Allocation",
    "Decided",
    "Device",
    "HoursNotice",
    "Maintenance",
    "Node",
    "NotHeld",
    "Pool",
    "Priority",
    "Quota",
    "Run",
    "RunForecast",
    "RunQuerySet",
    "TeamUsage",
]
