"""A verdict is told to the webhooks of its team once it stands, with its light and reasons."""

import ipaddress
from typing import Any

import pytest

from jobs.models import FineTuningJob
from tests.evaluations import test_evaluations_verdict as verdicts
from tests.jobs.conftest import Member
from webhooks import services
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
identity_job = verdicts.identity_job


def test_it_is_told_with_its_reasons(alice: Member, identity_job: FineTuningJob, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)
    services.create_webhook(
        team=alice.team, by=alice.user, url="http://127.0.0.1:1/", event_types=["fine_tuning.job.verdict"]
    )
    verdicts.evaluated(identity_job, verdicts.leaky)
    found = verdicts.verdict(alice, identity_job)
    sent = Delivery.objects.get()
    assert sent.data == {"id": identity_job.pk, "light": found["light"]}
    assert found["light"] in ("red", "amber")
    for finding in found["findings"]:
        assert finding["message"] in str(sent.because)
    assert (sent.subject, sent.path) == (str(identity_job), f"/jobs/{identity_job.pk}")
