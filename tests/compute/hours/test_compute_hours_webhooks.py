"""A mark of a team's accelerator-hours is told to its webhooks once, with the figures."""

import ipaddress
from typing import Any

import pytest

from accounts.models import Team
from compute.hours.limit import watch_hours
from compute.models import HoursNotice
from tests.compute.hours.test_compute_hours import limit, take
from webhooks import services
from webhooks.models import Delivery


def told() -> list[int]:
    return list(Delivery.objects.order_by("created_at").values_list("data__percent", flat=True))


@pytest.mark.django_db
def test_each_mark_is_told_once(team: Team, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)
    services.create_webhook(team=team, by=None, url="http://127.0.0.1:1/")  # type: ignore[arg-type]
    limit(team, 10)
    take(team, 7.9)
    watch_hours()
    assert told() == []
    take(team, 0.1)
    watch_hours()
    watch_hours()
    assert told() == [80]
    take(team, 3)
    watch_hours()
    assert told() == [80, 100]
    sent = Delivery.objects.latest("created_at")
    assert sent.data == {"id": team.slug, "pool": "default", "percent": 100, "hours": 10}
    assert "100 % of the 10 accelerator-hours" in str(sent.because)
    assert HoursNotice.objects.count() == 2
