"""The start page: what may still be used, how far trainings are, what came of them, and what helps a failed one."""

from typing import Any

import pytest
from django.test import Client

from compute.administering.quotas import set_quota
from compute.models import Allocation, Device, Node, Pool, Run
from evaluations.models import Evaluation
from jobs.models import FineTuningJob
from tests.jobs import conftest as of_jobs
from tests.jobs.job_makers import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

home_folder, chat_folder, base, alice = of_jobs.home, of_jobs.chat_folder, of_jobs.base, of_jobs.alice


@pytest.fixture
def browser(alice: Any) -> Client:
    browser = Client()
    browser.force_login(alice.user)
    return browser


def make_devices(number: int, pool: Pool | None = None) -> list[Device]:
    node = Node.objects.create(name=f"node-{Node.objects.count()}", kind="cuda", pool=pool or Pool.default())
    return [Device.objects.create(node=node, index=index, kind="cuda") for index in range(number)]


def home(browser: Client, **headers: str) -> str:
    return browser.get("/", **headers).content.decode()


def test_says_what_the_team_may_still_use(browser: Client, alice: Any) -> None:
    job = make_job(alice.team)
    devices = make_devices(4)
    assert "Your team uses 0 of the 4 GPUs that it may use." in home(browser)
    set_quota(team=alice.team, by=None, ceiling=3, accelerator_hours=12)
    run = Run.objects.filter(team=alice.team).get()
    Allocation.objects.create(run=run, device=devices[0])
    page = home(browser)
    assert "Your team uses 1 of the 3 GPUs that it may use. 12.0 accelerator-hours are left this month." in page
    assert job.pk in page
    assert "您的团队正在使用 1 个，最多可用 3" in home(browser, HTTP_ACCEPT_LANGUAGE="zh-hans")


def test_a_machine_without_devices_promises_none(browser: Client, alice: Any) -> None:
    make_job(alice.team)
    assert "that it may use" not in home(browser)


def test_every_pool_of_the_team_is_named(browser: Client, alice: Any) -> None:
    make_job(alice.team)
    second = Pool.objects.create(name="a100")
    make_devices(2)
    make_devices(1, second)
    assert "a100" not in home(browser)
    set_quota(team=alice.team, by=None, pool=second, guaranteed=1)
    assert "a100: Your team uses 0 of the 1 GPU that it may use." in home(browser)


def test_a_training_shows_how_far_it_is(browser: Client, alice: Any) -> None:
    job = make_job(alice.team)
    FineTuningJob.objects.filter(pk=job.pk).update(status="running", current_step=30, total_steps=120)
    assert 'value="25"' in home(browser)


def test_what_came_of_a_job_stands_beside_it(browser: Client, alice: Any) -> None:
    job = make_job(alice.team)
    FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded", fine_tuned_model="ft:tiny:x::1")
    assert "Look closer" not in home(browser)
    Evaluation.objects.create(team=alice.team, job=job, verdict={"light": "amber", "findings": [], "best_step": None})
    assert "Look closer" in home(browser)


def test_a_failed_job_has_its_remedy_for_those_who_may_train(browser: Client, alice: Any) -> None:
    job = make_job(alice.team)
    FineTuningJob.objects.filter(pk=job.pk).update(status="failed", error_code="disk_full")
    assert f'action="/jobs/{job.pk}/retry"' in home(browser)
    alice.user.memberships.update(role="viewer")
    assert f'action="/jobs/{job.pk}/retry"' not in home(browser)
