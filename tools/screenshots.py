"""`make screenshots`: every page of the console as pictures, and a sheet of all of them to look through.

A platform of its own (var/screenshots/home) tells the demo's story, so that pages have something to show. Then each
page is opened in English and Chinese, light and dark, on a phone and a desk, and is held to what every page must be:
it answers, nothing lies outside of its width, no script fails, and axe finds no barrier. The pictures lie in
var/screenshots, index.html is the sheet. The exit code is 1 where a page is not as it must be.

python tools/screenshots.py [--pages home models …] [--no-axe]
"""

import argparse
import html
import itertools
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
FOLDER = ROOT / "var" / "screenshots"
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (390, 1440)
HEIGHT = 900
SETTLED_MS = 400
"""What is fetched after a page has loaded is there by then."""
VERDICT_SECONDS = 240
LONGEST_HEAD = 200
"""Characters in which a page says that it is one."""
NOT_OURS = ("v1/", "api/v1/", "api/schema", "llms.txt", "admin/", "metrics", "healthz")
STRANGERS = ("sign_in",)
"""Pages for people who have not signed in."""


@dataclass
class Look:
    """One page in one language, theme and width."""

    page: str
    picture: str
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """Tell the story, take the pictures, write the sheet; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="+", help="the names of some pages; all of them otherwise")
    parser.add_argument("--no-axe", action="store_true", help="leave out the search for barriers")
    asked = parser.parse_args()
    os.environ["LUTHIER_HOME"] = str(_home())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ["PORT"] = str(probe.getsockname()[1])
    from demo.serving import NotReady, Server

    server = Server(port=int(os.environ["PORT"]))
    try:
        server.start()
        pages = {
            name: path for name, path in pages_of(tell_story(server.url)) if not asked.pages or name in asked.pages
        }
        looks = list(look_at(server.url, pages, with_axe=not asked.no_axe))
    except NotReady as error:
        print(f"No pictures: {error}", file=sys.stderr)
        return 2
    finally:
        server.stop()
    (FOLDER / "index.html").write_text(sheet(looks))
    faults = [f"{look.picture}: {fault}" for look in looks for fault in look.faults]
    print(*faults, sep="\n")
    print(f"{len(looks)} pictures of {len(pages)} pages, {len(faults)} faults: {FOLDER / 'index.html'}")
    return 1 if faults else 0


def _home() -> Path:
    home = FOLDER / "home"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    models = Path(os.environ.get("LUTHIER_HOME") or ROOT / "var") / "models"
    if models.is_dir() and not (home / "models").exists():
        shutil.copytree(models, home / "models")  # instead of fetching the starter model once more
    return home


def tell_story(url: str) -> dict[str, str]:
    """Train, deploy and compare as the demo does, unless it has been done; return the id of each kind of thing."""
    import openai

    from demo.__main__ import DEPLOYMENT, SHIPPED, deploy, train
    from demo.serving import api_key, whose
    from demo.telling import Clock

    client, clock = openai.OpenAI(base_url=f"{url}/v1", api_key=api_key(*whose())), Clock()

    def listed(path: str) -> list[dict[str, Any]]:
        found: dict[str, Any] = client.get(path, cast_to=dict[str, Any])
        return list(found["data"])

    if not any(one["name"] == DEPLOYMENT for one in listed("/../api/v1/deployments")):
        deploy(client, clock, train(client, clock, SHIPPED))
    job = next(job for job in listed("/fine_tuning/jobs") if job["status"] == "succeeded")
    deadline = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < deadline:
        verdict: dict[str, Any] = client.get(f"/../api/v1/jobs/{job['id']}/verdict", cast_to=dict[str, Any])
        if verdict["light"] is not None or verdict["status"] in ("failed", "cancelled"):
            break
        time.sleep(1)
    return {
        "job_id": job["id"],
        "file_id": job["training_file"],
        "model_id": job["fine_tuned_model"],
        "deployment_id": listed("/../api/v1/deployments")[0]["id"],
        "evaluation_id": listed("/../api/v1/evaluations")[0]["id"],
    }


def pages_of(ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and path of each address of the console whose parts are known; whether it is a page shows itself."""
    import django
    from django.urls import URLPattern, get_resolver

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, str, set[str]]]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLPattern):
                if one.name:
                    yield one.name, route, set(one.pattern.converters)
            else:
                yield from walk(one.url_patterns, route)

    for name, route, parts in walk(get_resolver().url_patterns, ""):
        if route.startswith(NOT_OURS) or not parts <= ids.keys():
            continue
        path = route
        for part in parts:
            path = path.replace(f"<str:{part}>", ids[part]).replace(f"<path:{part}>", ids[part])
        if "<" not in path:
            yield name, f"/{path}"


def look_at(url: str, pages: dict[str, str], *, with_axe: bool = True) -> Iterator[Look]:
    """Open each page in every language, theme and width, take its picture, and yield what is wrong with it."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    chromium = Path(sys.prefix, "chromium-path.txt").read_text().strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for language, theme, width in itertools.product(LANGUAGES, THEMES, WIDTHS):
            context = browser.new_context(
                locale=LANGUAGES[language], color_scheme=theme, viewport={"width": width, "height": HEIGHT}
            )
            tab = context.new_page()
            errors: list[str] = []
            is_signed_in = False
            tab.on("pageerror", partial(_note, errors))
            tab.on("console", partial(_note_said, errors))
            for name, path in sorted(pages.items(), key=lambda page: page[0] not in STRANGERS):
                if name not in STRANGERS and not is_signed_in:
                    _sign_in(tab, url)
                    is_signed_in = True
                reply = context.request.get(url + path)
                if reply.status == HTTPStatus.METHOD_NOT_ALLOWED or "<html" not in reply.text()[:LONGEST_HEAD]:
                    continue  # a button's address, a download, or a part of a page
                tab.goto(url + path)
                tab.wait_for_timeout(SETTLED_MS)
                look = Look(page=name, picture=f"{name}-{language}-{theme}-{width}.png")
                tab.screenshot(path=FOLDER / look.picture, full_page=True)
                if reply.status >= 400:
                    look.faults.append(f"answers {reply.status}")
                if (wide := tab.evaluate("document.documentElement.scrollWidth")) > width:
                    look.faults.append(f"is {wide} px wide")
                look.faults += errors
                errors.clear()
                if with_axe:
                    look.faults += _barriers(Axe().run(tab).response)
                yield look
            context.close()
        browser.close()


def _note(errors: list[str], error: Any) -> None:
    errors.append(str(error))


def _note_said(errors: list[str], said: Any) -> None:
    if said.type == "error":
        errors.append(said.text)


def _sign_in(tab: Any, url: str) -> None:
    email, _, password = (Path(os.environ["LUTHIER_HOME"]) / "first_login.txt").read_text().strip().partition(" ")
    tab.goto(f"{url}/sign-in")
    tab.fill("input[name=email]", email)
    tab.fill("input[name=password]", password)
    tab.click("main button[type=submit]")
    tab.wait_for_load_state()


def _barriers(found: dict[str, Any]) -> list[str]:
    return [
        f"axe {one['id']} ({one['impact']}): {one['help']}, at {node['target'][0]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]


def sheet(looks: list[Look]) -> str:
    """Return the page with all pictures: a row a page."""
    rows = []
    for page, found in itertools.groupby(sorted(looks, key=lambda look: look.page), key=lambda look: look.page):
        cells = "".join(
            f'<figure><a href="{look.picture}"><img src="{look.picture}" loading="lazy" alt=""></a><figcaption>'
            f"{look.picture}{''.join(f'<p>{html.escape(fault)}</p>' for fault in look.faults)}</figcaption></figure>"
            for look in found
        )
        rows.append(f"<h2>{html.escape(page)}</h2><section>{cells}</section>")
    style = (
        "body{font:14px system-ui;margin:16px}section{display:flex;flex-wrap:wrap;gap:8px}figure{margin:0;width:300px}"
        "img{width:300px;height:300px;object-fit:cover;object-position:top;border:1px solid #ccc}p{color:#b00}"
    )
    return f"<!doctype html><meta charset=utf-8><title>Luthier's pages</title><style>{style}</style>{''.join(rows)}"


if __name__ == "__main__":
    sys.exit(main())
