"""A new user in a real browser: sign in, upload, train, deploy, chat; nothing is lost by a refresh."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys.conftest import FULL
from tests.journeys.harness import ROOT, RunningPlatform

pytestmark = [pytest.mark.system, pytest.mark.browser]

DATA = ROOT / "demo" / "self_cognition.jsonl"
SCREENSHOTS = Path(os.environ["LUTHIER_SCREENSHOTS"]) if "LUTHIER_SCREENSHOTS" in os.environ else None

UNTRUSTED = (
    "[runs](javascript:alert(1)) [data](data:text/html,x) [entity](&#106;avascript:alert(1)) "
    "[good](https://example.com/) <img src=x onerror=alert(1)> <svg onload=alert(1)>"
)


def chromium_path() -> str | None:
    noted = ROOT / ".venv" / "chromium-path.txt"
    return noted.read_text().strip() or None if noted.exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path(), args=arguments)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, shared_platform: RunningPlatform) -> Iterator[Page]:
    """A signed-in English page; any error in the browser's console fails the test."""
    context = browser.new_context(base_url=shared_platform.url, locale="en-GB")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    email, _, password = (shared_platform.home / "first_login.txt").read_text().strip().partition(" ")
    opened.goto("/")
    opened.get_by_label("Email").fill(email)
    opened.get_by_label("Password").fill(password)
    opened.get_by_role("button", name="Sign in").click()
    yield opened
    context.close()
    assert errors == []


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page where LUTHIER_SCREENSHOTS says, to be looked at."""
    if SCREENSHOTS is not None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_upload_train_deploy_chat(page: Page) -> None:
    page.goto("/datasets")
    page.locator("input[type=file]").set_input_files(DATA)
    page.wait_for_url(re.compile(r"/datasets/file-"))
    train = page.get_by_role("link", name="Train a model on this")
    expect(train).to_be_visible(timeout=20_000)
    shoot(page, "dataset")
    train.click()
    page.get_by_label(re.compile("Name \\(optional\\)")).fill("browser")
    shoot(page, "new-job")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/jobs/ftjob-"))
    expect(page.locator("#live")).to_contain_text(re.compile(r"Step \d+ of \d+"), timeout=90_000)
    page.reload()
    expect(page.locator("#live")).to_contain_text(re.compile(r"Step \d+ of \d+"))
    shoot(page, "job-running")
    deploy = page.get_by_role("button", name="Deploy")
    expect(deploy).to_be_visible(timeout=180_000)
    expect(page.locator("[data-curve] .uplot")).to_be_visible()
    shoot(page, "job-done")
    deploy.click()
    page.wait_for_url(re.compile(r"/deployments/dep-"))
    expect(page.locator("#live")).to_contain_text("Answering", timeout=90_000)
    page.get_by_label("Your message").fill("Who are you?")
    page.get_by_role("button", name="Send").click()
    answer = re.compile("Xiaozhi|小智" if FULL else r"\S")  # the tiny model has no words to learn a name with
    expect(page.locator(".bubble.theirs").last).to_contain_text(answer, timeout=60_000)
    shoot(page, "deployment")
    deployment = page.url
    walk_the_playground(page)
    page.goto(deployment)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take down").click()
    page.wait_for_url(re.compile(r"/deployments$"))


def test_an_answer_is_never_more_than_text(page: Page) -> None:
    page.goto("/playground")
    script = page.locator("script[src*='/playground.']").get_attribute("src")
    assert script is not None
    found = page.evaluate(
        """async ([script, text]) => {
          const source = await (await fetch(script)).text();
          const address = source.match(/from ?["']([^"']*markdown[^"']*)["']/)[1];
          const { elementsOf } = await import(new URL(address, new URL(script, location)));
          const place = document.createElement("div");
          document.body.append(place);
          place.append(elementsOf(marked, DOMPurify, text));
          const links = [...place.querySelectorAll("a")].map((a) => [a.textContent, a.getAttribute("href")]);
          return { links, tags: [...new Set([...place.querySelectorAll("*")].map((e) => e.localName))].sort() };
        }""",
        [script, UNTRUSTED],
    )
    assert found["links"] == [["runs", None], ["data", None], ["entity", None], ["good", "https://example.com/"]]
    assert found["tags"] == ["a", "p"]


def walk_the_playground(page: Page) -> None:
    """From a deployment to its model's page, to the playground, to a row of a data set and a shared conversation."""
    page.get_by_role("link", name="browser", exact=True).click()
    page.wait_for_url(re.compile(r"/models/adapter-"))
    expect(page.get_by_role("heading", level=1)).to_have_text("browser")
    shoot(page, "model")
    page.get_by_role("link", name="Try it beside its base").click()
    question = page.get_by_label("Your message")
    question.fill("Who are you?")
    question.press("Enter")
    kept = page.get_by_role("button", name="A good answer: keep it as data")
    expect(kept).to_have_count(2, timeout=90_000)
    for side in ("left", "right"):
        expect(page.locator(f"[data-side={side}] [data-text]")).to_contain_text(re.compile(r"\S"))
    shoot(page, "playground")
    kept.last.click()
    page.get_by_label("Or a new data set of this name").fill("thumbs")
    page.get_by_label(re.compile("Store this conversation")).check()
    shoot(page, "keep")
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("link", name="Look at it")).to_be_visible()
    expect(page.locator("[data-prompt]").first).to_have_text("Who are you?")  # the conversation is still there
    page.get_by_role("button", name="Share with the team").click()
    page.wait_for_url(re.compile(r"/playground/shares/talk-"))
    expect(page.locator("[data-turn]")).to_have_count(1)
    shoot(page, "share")


def test_the_console_speaks_chinese(page: Page) -> None:
    page.get_by_role("button", name="中文").first.click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    for path in ("/", "/datasets", "/jobs", "/models", "/playground", "/deployments", "/keys", "/pool", "/catalogue"):
        page.goto(path)
        shoot(page, f"zh{path.replace('/', '-')}")
        assert page.locator("main").inner_text().strip()
    page.get_by_role("button", name="English").first.click()  # it is the person's language, on every device
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_no_page_scrolls_sideways_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    paths = (
        "/",
        "/datasets",
        "/jobs",
        "/jobs/new",
        "/models",
        "/playground",
        "/deployments",
        "/keys",
        "/pool",
        "/catalogue",
    )
    for path in (*paths, "/more"):
        page.goto(path)
        shoot(page, f"phone{path.replace('/', '-')}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
