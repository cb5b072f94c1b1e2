"""Large uploads in a real browser: the line breaks, the page is reloaded, a person stops it.

Nothing is lost, sent twice or left behind.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests.journeys.breakable_line import BreakableLine
from tests.journeys.data import conversations
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.shared.test_browser import DATA, browser, shoot  # noqa: F401 - a fixture

pytestmark = [pytest.mark.system, pytest.mark.browser]

MIB = 2**20
PART = 8 * MIB
WORDS = {
    "en-GB": {
        "lost": "Connection lost, trying again.",
        "unfinished": "{name}: {percent} % uploaded. Choose the same file again to continue.",
        "other": "This is not the same file",
        "discard": "Discard",
        "stop": "Stop",
    },
    "zh-CN": {
        "lost": "连接已断开，正在重试。",
        "unfinished": "{name}：已上传 {percent}%。重新选择同一个文件即可继续。",
        "other": "这不是同一个文件",
        "discard": "放弃",
        "stop": "停止",
    },
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 40 MiB of few, long rows whose parts all differ, with a Chinese name."""
    path = tmp_path_factory.mktemp("data") / "客服 对话（大）.jsonl"
    filler = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(1600))
    with path.open("w") as stream:
        for number, row in enumerate(conversations(400)):
            row["messages"][0]["content"] += filler[number:] + filler[:number]
            stream.write(json.dumps(row) + "\n")
    assert 5 * PART > path.stat().st_size > 4 * PART
    return path


@pytest.fixture
def line(shared_platform: RunningPlatform) -> Iterator[BreakableLine]:
    running = BreakableLine(shared_platform.port)
    yield running
    running.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, shared_platform: RunningPlatform) -> Any:  # noqa: F811
    """The cookies of a person who has signed in; they hold at every port."""
    context = browser.new_context(base_url=shared_platform.url)
    page = context.new_page()
    email, _, password = (shared_platform.home / "first_login.txt").read_text().strip().partition(" ")
    page.goto("/")
    page.locator("#email").fill(email)
    page.locator("#password").fill(password)
    page.locator("form.panel button[type=submit]").click()
    page.wait_for_url(re.compile(r"/$"))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(
    request: pytest.FixtureRequest,
    browser: Browser,  # noqa: F811
    line: BreakableLine,
    signed_in: Any,
) -> Iterator[BrowserContext]:
    """A signed-in browser beyond the breakable line; its language may be named by the test."""
    language = getattr(request, "param", "en-GB")
    opened = browser.new_context(base_url=line.url, locale=language, storage_state=signed_in)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    opened = context.new_page()
    opened.goto("/datasets")
    return opened


@pytest.fixture(scope="module")
def key(shared_platform: RunningPlatform) -> str:
    """A key of the team that the first person works in."""
    email = (shared_platform.home / "first_login.txt").read_text().partition(" ")[0]
    return shared_platform.api_key(email, "Default")


def arrived(page: Page) -> list[Response]:
    """Return a list that grows by every part that the server has taken."""
    taken: list[Response] = []
    page.on("response", lambda reply: taken.append(reply) if reply.url.endswith("/parts") and reply.ok else None)
    return taken


def come_back(page: Page, line: BreakableLine) -> None:
    """Leave the page while the line is broken and open it anew: it sends nothing in between, however quick it is."""
    address = page.url
    page.goto("about:blank")
    line.mend()
    page.goto(address)


def stored_parts(platform: RunningPlatform) -> list[Path]:
    return [path for path in (platform.home / "storage").rglob("part-*") if path.is_file()]


def spooled(platform: RunningPlatform) -> list[Path]:
    return list((platform.home / "tmp").glob("upload-*"))


def choose(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)


def await_break(page: Page, line: BreakableLine) -> None:
    """Wait for the break, letting the browser's events be heard meanwhile."""
    wait_until(lambda: page.evaluate("1") and line.broken.is_set(), seconds=30, what="the line to break")


def assert_is_whole(page: Page, platform: RunningPlatform, key: str, original: Path) -> None:
    """The page shows the file, and what the server gives out is what was chosen, to the last bit."""
    page.wait_for_url(re.compile(r"/datasets/file-"), timeout=60_000)
    expect(page.locator("h1")).to_contain_text(original.name)
    file_id = page.url.rpartition("/")[2].partition("?")[0]
    client = platform.client(key)
    # A worker puts a large one together and checks it; the page follows.
    wait_until(lambda: client.files.retrieve(file_id).status == "processed", seconds=60, what="a checked file")
    asked = Request(f"{platform.url}/v1/files/{file_id}/content", headers={"Authorization": f"Bearer {key}"})
    with urlopen(asked, timeout=60) as reply:
        there = hashlib.file_digest(reply, "sha256").hexdigest()
    assert there == hashlib.sha256(original.read_bytes()).hexdigest()
    assert stored_parts(platform) == []


@pytest.mark.parametrize("context", [pytest.param("en-GB", marks=pytest.mark.slow), "zh-CN"], indirect=True)
def test_a_broken_line_is_waited_for(
    page: Page, line: BreakableLine, shared_platform: RunningPlatform, key: str, large: Path
) -> None:
    words = WORDS["zh-CN" if page.evaluate("document.documentElement.lang").startswith("zh") else "en-GB"]
    parts = arrived(page)
    line.break_after(2 * PART + PART // 2)
    choose(page, large)
    await_break(page, line)
    expect(page.locator("#upload-status")).to_have_text(words["lost"])
    expect(page.get_by_role("button", name=words["stop"])).to_be_visible()
    shoot(page, f"upload-lost-{page.evaluate('document.documentElement.lang')}")
    # What is said to be there is what has arrived, not what had left.
    expect(page.locator("#upload-figures")).to_have_text(re.compile(rf"{100 * 2 * PART // large.stat().st_size} ?%$"))
    assert len(parts) == 2
    line.mend()
    assert_is_whole(page, shared_platform, key, large)
    assert len(parts) == 5, "the two parts that were there are not sent again"
    # The half part that the break took, and no more, went up twice.
    assert line.num_bytes_up < large.stat().st_size + PART // 2 + MIB


@pytest.mark.parametrize("size", ["large", "small"])
def test_being_online_again_ends_the_pause(page: Page, context: BrowserContext, size: str, large: Path) -> None:
    path = large if size == "large" else DATA
    page.clock.install()
    page.goto("/datasets")
    context.set_offline(True)
    choose(page, path)
    expect(page.locator("#upload-status")).to_have_text(WORDS["en-GB"]["lost"])
    # No timer runs any more: what goes on now is due to the browser's word alone.
    page.clock.pause_at("2100-01-01")
    expect(page.locator("#upload-status")).to_have_text(WORDS["en-GB"]["lost"])
    context.set_offline(False)
    page.wait_for_url(re.compile(r"/datasets/file-"), timeout=30_000)


@pytest.mark.parametrize("context", ["en-GB", pytest.param("zh-CN", marks=pytest.mark.slow)], indirect=True)
def test_after_a_reload_the_same_file_goes_on(
    page: Page, line: BreakableLine, shared_platform: RunningPlatform, key: str, large: Path, tmp_path: Path
) -> None:
    language = page.evaluate("document.documentElement.lang")
    words = WORDS["zh-CN" if language.startswith("zh") else "en-GB"]
    parts = arrived(page)
    line.break_after(3 * PART + PART // 2)
    choose(page, large)
    await_break(page, line)
    expect(page.locator("#upload-status")).to_have_text(words["lost"])
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.locator("h1").click()  # A page that nobody has touched may not ask.
    come_back(page, line)
    assert asked == ["beforeunload"]
    assert len(parts) == 3
    card = page.locator("#unfinished .notice")
    percent = 100 * 3 * PART // large.stat().st_size
    expect(card).to_contain_text(words["unfinished"].format(name=large.name, percent=percent))
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shoot(page, f"upload-unfinished-{language}")

    other = tmp_path / large.name
    other.write_bytes(large.read_bytes()[:-1] + b" ")
    card.locator("input").set_input_files(other)
    expect(card).to_contain_text(words["other"])
    assert len(parts) == 3

    before = line.num_bytes_up
    card.locator("input").set_input_files(large)
    assert_is_whole(page, shared_platform, key, large)
    assert len(parts) == 5
    assert line.num_bytes_up - before < large.stat().st_size - 3 * PART + MIB
    page.goto("/datasets")
    expect(page.locator("#unfinished .notice")).to_have_count(0)


def test_what_is_unfinished_can_be_discarded(
    page: Page, line: BreakableLine, shared_platform: RunningPlatform, large: Path
) -> None:
    line.break_after(2 * PART + PART // 2)
    choose(page, large)
    await_break(page, line)
    page.on("dialog", lambda dialog: dialog.accept())
    come_back(page, line)
    assert len(stored_parts(shared_platform)) == 2
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#upload-status")).to_contain_text("was deleted")
    assert stored_parts(shared_platform) == []
    page.reload()
    expect(page.locator("#unfinished .notice")).to_have_count(0)


def test_another_tab_does_not_offer_what_this_one_sends(
    page: Page, context: BrowserContext, line: BreakableLine, shared_platform: RunningPlatform, large: Path
) -> None:
    line.break_after(PART + PART // 2)
    choose(page, large)
    await_break(page, line)
    # The first tab waits for its line; no timer of it shall end that before the second has looked.
    page.route("**/parts", lambda route: route.abort())
    line.mend()
    second = context.new_page()
    second.goto("/datasets")
    expect(second.locator("#unfinished .notice")).to_contain_text("another tab")
    expect(second.get_by_role("button", name="Discard")).to_have_count(0)
    second.close()
    page.unroute("**/parts")
    page.wait_for_url(re.compile(r"/datasets/file-"), timeout=60_000)
    wait_until(lambda: not stored_parts(shared_platform), seconds=60, what="the parts to be put together")


def test_stop_leaves_nothing(page: Page, line: BreakableLine, shared_platform: RunningPlatform, large: Path) -> None:
    line.break_after(2 * PART + PART // 2)
    choose(page, large)
    await_break(page, line)
    assert len(stored_parts(shared_platform)) == 2
    line.mend()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#upload-status")).to_have_text("Stopped. Nothing of the file was kept.")
    wait_until(lambda: not spooled(shared_platform), seconds=10, what="the half part to go")
    assert stored_parts(shared_platform) == []
    expect(page.locator("#upload-bar")).to_be_hidden()
    page.reload()
    expect(page.locator("#unfinished .notice")).to_have_count(0)


def test_a_refusal_ends_it_and_leaves_nothing(page: Page, shared_platform: RunningPlatform, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(b"%PDF-1.7\n" + b"0" * (PART + 1))
    choose(page, path)
    expect(page.locator("#upload-status")).to_contain_text("PDF", timeout=20_000)
    expect(page.locator("#upload-status")).to_have_class(re.compile("field-error"))
    assert stored_parts(shared_platform) == []
    page.reload()
    expect(page.locator("#unfinished .notice")).to_have_count(0)


def test_a_small_file_becomes_a_new_version(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "第一版.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in conversations(12)))
    choose(page, path)
    page.wait_for_url(re.compile(r"/datasets/file-"))
    expect(page.get_by_role("link", name="Train a model on this")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="About the file").click()
    newer = tmp_path / "第二版.jsonl"
    newer.write_text("\n".join(json.dumps(row) for row in conversations(15)))
    page.locator("#version-file").set_input_files(newer)
    page.locator("#version-reason").fill("Three more rows.")
    shoot(page, "upload-version")
    page.locator("form[data-upload]").get_by_role("button", name="Upload").click()
    expect(page.locator("h1")).to_contain_text("第二版.jsonl", timeout=20_000)
    expect(page.get_by_role("link", name="Train a model on this")).to_be_visible(timeout=20_000)
    page.goto(f"{page.url.partition('?')[0]}?tab=about")
    expect(page.locator("#content")).to_contain_text("uploaded after 1 · Three more rows.")
