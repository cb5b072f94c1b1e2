"""A verdict is told to the webhooks of its team once it stands, with its light and reasons."""

import ipaddress
from typing import Any

import pytest

from evaluations.models import Eval, EvalRun, Evaluation
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


@pytest.mark.parametrize(
    ("state", "kind"),
    [("succeeded", "eval.run.succeeded"), ("failed", "eval.run.failed"), ("cancelled", "eval.run.canceled")],
)
def test_each_end_of_an_evals_run_has_openais_name(alice: Member, settings: Any, state: str, kind: str) -> None:
    settings.OUTBOUND_ALLOW = (ipaddress.ip_network("127.0.0.0/8"),)
    services.create_webhook(team=alice.team, by=alice.user, url="http://127.0.0.1:1/")
    plain, evaluation = (
        Evaluation.objects.create(team=alice.team, created_by=alice.user, name="evaluation") for _ in range(2)
    )
    found = Eval.objects.create(team=alice.team, created_by=alice.user, name="names", item_schema={}, criteria=[])
    run = EvalRun.objects.create(eval=found, evaluation=evaluation, data_source={}, max_tokens=8)
    for one in (plain, evaluation):
        Evaluation.objects.filter(pk=one.pk).update(state="running")
        assert one.mark_finished(state)
        assert not one.mark_finished(state)
    sent = Delivery.objects.get()
    assert (sent.event_type, sent.data) == (kind, {"id": run.pk})
