"""The page of a job that runs, in a real browser: it hears everything once, asks for nothing, and nothing jumps."""

import mimetypes
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from job_makers import FakeTrainer, run_of
from playwright.sync_api import Page, Route, expect, sync_playwright

from jobs.models import FineTuningJob
from jobs.training.recording import record
from tests.deployments.deployments_cast import Server
from tests.jobs import test_jobs_live as live
from tests.journeys.shared.test_browser import chromium_path

pytestmark = [
    pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static"),
]  # fmt: skip
platform = live.platform
STEPS = 40
SHIFTS = """
window.shifts = [];
const note = (shift) => { if (!shift.hadRecentInput) window.shifts.push(shift.value); };
new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type: "layout-shift", buffered: true });
"""


def serve_static(route: Route) -> None:
    path = Path(settings.BASE_DIR) / route.request.url.split("://")[1].partition("/")[2]
    route.fulfill(body=path.read_bytes(), content_type=mimetypes.guess_type(path)[0] or "text/plain")


@pytest.fixture
def trainer(job: FineTuningJob) -> FakeTrainer:
    """One that is about to take its first step."""
    trainer = FakeTrainer(run_of(job), total_steps=STEPS + 1).start()
    trainer.directory.log.write_text("09:00:00 Loading\n")
    record(trainer.run, trainer.events)
    return trainer


@pytest.fixture
def pages(platform: Server, alice: Any) -> Iterator[Any]:
    """Open pages of a signed-in person, of a width; any error in their console fails the test."""
    cookies = [{"name": name, "value": value, "url": platform.url} for name, value in live.cookies(alice).items()]
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])

        def opened(width: int) -> Page:
            context = browser.new_context(viewport={"width": width, "height": 900}, base_url=platform.url)
            context.add_cookies(cookies)  # type: ignore[arg-type]
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
            page.route("**/static/**", serve_static)
            page.add_init_script(SHIFTS)
            return page

        yield opened
        browser.close()
    assert errors == []


def train(trainer: FakeTrainer) -> None:
    """Say a step and a line ten times a second."""
    pace = threading.Event()
    for step in range(1, STEPS + 1):
        trainer.step(step)
        if step % 10 == 0:
            trainer.write("validation", "Looked.", step=step, valid_loss=1.0 / step)
        record(trainer.run, trainer.events[-2:])
        with trainer.directory.log.open("a") as log:
            log.write(f"09:00:00 Step {step} is said\n")
        pace.wait(0.1)
    connection.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_hears_everything_once_and_nothing_jumps(
    trainer: FakeTrainer, job: FineTuningJob, pages: Any, width: int
) -> None:
    training = threading.Thread(target=train, args=[trainer])
    page = pages(width)
    asked: list[str] = []
    with page.expect_request("**/stream?after=*"):
        page.goto(f"/jobs/{job.pk}")
    page.on("request", lambda request: asked.append(request.url))
    training.start()
    expect(page.locator("#progress-line")).to_contain_text(f"Step {STEPS} of", timeout=30_000)
    expect(page.locator("#log")).to_contain_text(f"Step {STEPS} is said")
    training.join()
    lines = page.locator("#log .log").inner_text().strip().splitlines()
    assert lines == ["09:00:00 Loading", *(f"09:00:00 Step {step} is said" for step in range(1, STEPS + 1))]
    assert page.locator("#events tr", has_text="Looked.").count() == STEPS // 10
    assert page.locator("[data-curve] .uplot").count() == 1
    parts = Counter(url.rpartition("/")[2] for url in asked if "/static/" not in url)
    assert parts == {"live": 1, "queue": 1}, "once, since another button stands there after the first step"
    assert sum(page.evaluate("window.shifts")) <= 0.02
