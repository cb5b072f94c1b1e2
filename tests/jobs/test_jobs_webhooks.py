"""The end of a job is told to the webhooks of its team, once, and with the change of state itself."""

import ipaddress
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from jobs.models import FineTuningJob
from tests.jobs.conftest import Member
from webhooks import services
from webhooks.models import Delivery
from wording import as_written


@pytest.fixture(autouse=True)
def hears_everything(alice: Member, charlie: Member, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)
    for one in (alice, charlie):
        services.create_webhook(team=one.team, by=one.user, url="http://127.0.0.1:1/")


def told() -> list[tuple[str, str, str]]:
    return list(Delivery.objects.values_list("webhook__team__name", "event_type", "data__id"))


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_each_end_has_openais_name(job: FineTuningJob, end: str) -> None:
    assert told() == [], "nothing has ended yet"
    job.move("running", as_written("It runs."))
    job.move(end, as_written("It ended."))
    assert told() == [("Violins", f"fine_tuning.job.{end}", job.pk)]


def test_it_is_told_once(job: FineTuningJob) -> None:
    assert job.move("cancelled", as_written("It is cancelled."))
    assert not job.move("cancelled", as_written("Again."))
    with pytest.raises(ValidationError):
        job.move("succeeded", as_written("Too late."))
    assert told() == [("Violins", "fine_tuning.job.cancelled", job.pk)]
