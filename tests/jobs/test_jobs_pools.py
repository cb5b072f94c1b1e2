"""A job names its pool: where its team may train, and where its model has room."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from job_makers import fresh, make_file, make_job, run_of

from common.errors import NotFound, UserError
from compute.models import Device, Node, Pool, Quota
from jobs.models import FineTuningJob
from jobs.training.attempts import queue_attempt
from tests.console.forms import form_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
GB = 10**9


@pytest.fixture
def other(alice: Any) -> Pool:
    """Return a pool of two small GPUs in which Alice's team has a quota."""
    Pool.default()
    pool = Pool.objects.create(name="t4", title="T4")
    node = Node.objects.create(name="gpu-1", queue="gpu-1", kind="cuda", pool=pool, last_seen_at=timezone.now())
    for index in range(2):
        Device.objects.create(node=node, index=index, kind="cuda", memory_bytes=16 * GB)
    Quota.objects.create(team=alice.team, pool=pool, ceiling=2)
    return pool


def ask(alice: Any, file_id: str, **body: Any) -> Any:
    sent = {"model": "tiny", "training_file": file_id, **body}
    return alice.client.post("/v1/fine_tuning/jobs", sent, format="json")


def test_waits_in_the_line_of_the_pool_that_it_names_in_every_attempt(alice: Any, other: Pool) -> None:
    job = make_job(alice.team, by=alice.user, pool="t4")
    assert (job.pool, run_of(job).pool) == (other, other)
    queue_attempt(fresh(job), job.events.order_by("-number")[0].message)
    assert run_of(job).pool == other
    shown = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()
    assert shown["pool"] == "t4"
    again = make_job(alice.team, by=alice.user)
    assert (again.pool, run_of(again).pool) == (None, Pool.default())
    assert alice.client.get(f"/v1/fine_tuning/jobs/{again.pk}").json()["pool"] == "default"


def test_what_it_takes_for_auto_is_of_that_pool(alice: Any, other: Pool) -> None:
    body = {"model": "tiny", "training_file": make_file(alice.team).pk}
    found = alice.client.post("/api/v1/jobs/estimate", {**body, "pool": "t4"}, format="json").json()
    assert (found["accelerators"], found["accelerator_kind"]) == (2, "cuda")
    found = alice.client.post("/api/v1/jobs/estimate", body, format="json").json()
    assert found["accelerator_kind"] == "cpu"


@pytest.mark.parametrize("ceiling", [None, 0])
def test_is_refused_where_its_team_has_no_quota(alice: Any, other: Pool, ceiling: int | None) -> None:
    if ceiling is None:
        Quota.objects.all().delete()
    else:
        Quota.objects.update(ceiling=ceiling)
    reply = ask(alice, make_file(alice.team).pk, pool="t4")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "pool")
    assert reply.json()["error"]["message"] == (
        "Your team has no quota in the pool T4. Choose one of default, or ask an administrator for a quota."
    )
    assert not FineTuningJob.objects.exists()


def test_is_refused_where_the_model_does_not_fit(alice: Any, base: Any, other: Pool) -> None:
    base.parameters = 14_000_000_000
    base.save()
    assert make_job(alice.team, is_queued=False, pool="t4").pool == other, "both GPUs together have room"
    with pytest.raises(UserError) as refused:
        make_job(alice.team, is_queued=False, pool="t4", accelerators=1)
    assert refused.value.code == "model_does_not_fit"
    assert str(refused.value.message).startswith("The weights of tiny alone take 28 GB, and the accelerators that it")
    Device.objects.update(memory_bytes=0)
    assert make_job(alice.team, is_queued=False, pool="t4", accelerators=1).pool == other, "nobody knows"


@pytest.mark.parametrize("pool", ["a100", "t4\0", 7])
def test_names_one_that_there_is(alice: Any, other: Pool, pool: Any) -> None:
    reply = ask(alice, make_file(alice.team).pk, pool=pool)
    assert (reply.status_code, reply.json()["error"]["param"]) in ((404, "pool"), (400, "pool"))
    with pytest.raises(NotFound):
        make_job(alice.team, is_queued=False, pool="a100")


class TestPage:
    @pytest.fixture
    def page(self, alice: Any) -> Client:
        client = Client()
        client.force_login(alice.user)
        return client

    def test_chooses_one_where_there_are_several(self, alice: Any, page: Client, other: Pool) -> None:
        file = make_file(alice.team)
        fields = form_at(page, "/jobs/new", file=file.pk, model="tiny", pool="t4")
        reply = page.post("/jobs/new", fields)
        job = FineTuningJob.objects.get()
        assert (reply.status_code, job.pool) == (302, other)
        assert "T4" in page.get(f"/jobs/{job.pk}").content.decode()
        shown = page.get(f"/jobs/new?again={job.pk}").content.decode()
        assert '<option value="t4" selected>T4</option>' in shown
        estimate = page.get("/jobs/estimate", {"file": file.pk, "model": "tiny", "pool": "t4"}).content.decode()
        assert "2 GPUs" in estimate

    def test_says_what_prevents_it_at_the_field_and_in_the_estimate(
        self, alice: Any, page: Client, other: Pool
    ) -> None:
        file = make_file(alice.team)
        Quota.objects.create(team=alice.team, pool=Pool.objects.create(name="a100"))
        fields = form_at(page, "/jobs/new", file=file.pk, model="tiny", pool="t4")
        Quota.objects.filter(pool=other).delete()
        reply = page.post("/jobs/new", fields)
        assert reply.status_code == 400
        assert "Your team has no quota in the pool T4." in reply.content.decode()
        estimate = page.get("/jobs/estimate", {"file": file.pk, "model": "tiny", "pool": "t4"}).content.decode()
        assert "Your team has no quota in the pool T4." in estimate

    def test_asks_nothing_where_there_is_one_pool(self, page: Client) -> None:
        assert 'id="pool"' not in page.get("/jobs/new").content.decode()


def test_a_pool_that_is_deleted_meanwhile_gets_no_job(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's deletion waits for nobody who has only looked at it."""
    pool = Pool.objects.create(name="gone")
    Quota.objects.create(team=alice.team, pool=pool, ceiling=1)
    file = make_file(alice.team)

    def delete(pool: Pool, **_: Any) -> None:
        Pool.objects.filter(pk=pool.pk).update(deleted_at=timezone.now())

    monkeypatch.setattr("jobs.services.require_fit", delete)
    body = {"model": "tiny", "training_file": file.pk, "pool": "gone"}
    reply = alice.client.post("/v1/fine_tuning/jobs", body, format="json")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "pool_not_found")
    assert not FineTuningJob.objects.exists()
