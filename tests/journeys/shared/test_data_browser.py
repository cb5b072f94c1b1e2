"""In the browser, in both languages: a broken file is understood, repaired, and trained on, without documentation."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.data import conversations
from tests.journeys.harness import RunningPlatform
from tests.journeys.shared.test_browser import browser, shoot  # noqa: F401 - a fixture

pytestmark = [pytest.mark.system, pytest.mark.browser]

WORDS = {
    "en-GB": {
        "fault": "is not a valid role",
        "show": "Preview the changes",
        "make": "Create the repaired version",
        "ready": "Ready: 14 conversations",
        "train": "Train a model on this",
        "start": "Start training",
        "done": "Deploy",
        "goals": "Start from a goal",
        "name": "Give a model an identity",
        "set": "Create the data set",
        "asked": "questions about itself",
    },
    "zh-CN": {
        "fault": "不是有效的角色",
        "show": "查看改动",
        "make": "生成修复后的版本",
        "ready": "就绪：14 条对话",
        "train": "用它训练模型",
        "start": "开始训练",
        "done": "部署",
        "goals": "从目标开始",
        "name": "换身份",
        "set": "生成数据集",
        "asked": "个身份问题",
    },
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen rows whose roles are misnamed in two, one line with a comment, one that is no JSON."""
    rows = conversations(14)
    for row in rows[3:5]:
        row["messages"][1]["role"] = "Bot"
    lines = [json.dumps(row) for row in rows]
    path = tmp_path_factory.mktemp("data") / "broken.jsonl"
    path.write_text("\n".join(["// my first data set", *lines, '{"messages": [']))
    return path


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, shared_platform: RunningPlatform) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(base_url=shared_platform.url, locale=request.param)
    opened = context.new_page()
    email, _, password = (shared_platform.home / "first_login.txt").read_text().strip().partition(" ")
    opened.goto("/")
    opened.locator("#email").fill(email)
    opened.locator("#password").fill(password)
    opened.locator("form.panel button[type=submit]").click()
    opened.wait_for_url(re.compile(r"/$"))
    yield opened
    context.close()


@pytest.mark.parametrize("page", ["en-GB", pytest.param("zh-CN", marks=pytest.mark.slow)], indirect=True)
def test_understood_repaired_and_trained_on(page: Page, broken: Path) -> None:
    language = page.evaluate("document.documentElement.lang")
    words = WORDS["zh-CN" if language.startswith("zh") else "en-GB"]
    page.goto("/datasets")
    page.locator("input[type=file]").set_input_files(broken)
    page.wait_for_url(re.compile(r"/datasets/file-"))
    expect(page.locator("#content")).to_contain_text(words["fault"], timeout=20_000)
    shoot(page, f"faults-{language}")
    page.get_by_role("button", name=words["show"]).click()
    expect(page.locator("#preview")).to_contain_text('"role": "assistant"')
    shoot(page, f"repair-{language}")
    page.get_by_role("button", name=words["make"]).click()
    expect(page.locator("#content")).to_contain_text(words["ready"], timeout=20_000)
    page.get_by_role("link", name=words["train"]).click()
    page.get_by_role("button", name=words["start"]).click()
    page.wait_for_url(re.compile(r"/jobs/ftjob-"))
    expect(page.get_by_role("button", name=words["done"], exact=True)).to_be_visible(timeout=120_000)


@pytest.mark.parametrize("page", [pytest.param("en-GB", marks=pytest.mark.slow), "zh-CN"], indirect=True)
def test_a_name_from_a_questionnaire(page: Page) -> None:
    """The tiny model has no words to learn it with: what counts is that it is asked, and that the verdict says so."""
    language = page.evaluate("document.documentElement.lang")
    words = WORDS["zh-CN" if language.startswith("zh") else "en-GB"]
    page.goto("/datasets")
    page.get_by_role("link", name=words["goals"]).click()
    page.get_by_role("link", name=words["name"]).click()
    page.locator("#name").fill("小智")
    page.locator("#maker").fill("360智汇云")
    page.locator("button[name=look]").click()
    expect(page.locator("#content")).to_contain_text("我是小智，由360智汇云开发的AI助手。")
    shoot(page, f"identity-{language}")
    page.get_by_role("button", name=words["set"]).click()
    page.get_by_role("link", name=words["train"]).click(timeout=20_000)
    page.get_by_role("button", name=words["start"]).click()
    page.wait_for_url(re.compile(r"/jobs/ftjob-"))
    expect(page.locator("#acceptance")).to_contain_text(words["asked"], timeout=120_000)
    shoot(page, f"verdict-{language}")
