"""Forms as a browser sees and sends them, for the tests of pages."""

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse
from django.test import Client


@dataclass
class Form:
    """One form of a page, with what its fields hold."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    is_folded: bool = False
    """A <details> that is closed hides it."""


class _Forms(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._page = page
        self._form: Form | None = None
        self._select = ""
        self._textarea = ""
        self._folds: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "details":
            self._folds.append("open" not in given)
        elif tag == "form" and given.get("method") == "post":
            self._form = Form(given.get("action", self._page), is_folded=any(self._folds))
            self.found.append(self._form)
        elif self._form is None:
            return
        elif tag == "input" and given.get("type") in ("checkbox", "radio"):
            if "checked" in given:
                self._add(given["name"], given.get("value", "on"))
        elif tag == "input" and given.get("type") != "file":
            self._add(given.get("name", ""), given.get("value", ""))
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and ("selected" in given or self._select not in self._form.fields):
            self._form.fields[self._select] = [given.get("value", "")]
        elif tag == "textarea":
            self._textarea = given["name"]
            self._add(self._textarea, "")

    def handle_data(self, data: str) -> None:
        if self._textarea and self._form is not None:
            texts = self._form.fields[self._textarea]
            texts[-1] += data if texts[-1] else data.removeprefix("\n")  # as browsers do

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "details":
            self._folds.pop()
        elif tag == "textarea":
            self._textarea = ""

    def _add(self, name: str, text: str) -> None:
        assert self._form is not None
        self._form.fields.setdefault(name, []).append(text)


def forms_of(reply: HttpResponse, page: str = "") -> list[Form]:
    parser = _Forms(page)
    parser.feed(reply.content.decode())
    return parser.found


def form_at(client: Client, page: str, action: str = "", **fields: Any) -> dict[str, Any]:
    """Return the fields of the form for `action` (that of the page itself without one), some filled in."""
    path = page.partition("?")[0]
    form = next(one for one in forms_of(client.get(page), path) if one.action == (action or path))
    return {**form.fields, **fields}


def sent_twice(client: Client, page: str, action: str = "", **fields: Any) -> list[HttpResponse]:
    """Open the page once and send its form two times, as Back and a second click do."""
    filled = form_at(client, page, action, **fields)
    return [client.post(action or page.partition("?")[0], filled) for _ in range(2)]


def error_at(reply: HttpResponse, field: str) -> str:
    """Return the sentence that the page shows at the field with this id, and ties to it for screen readers."""
    page = reply.content.decode()
    tag = next(tag for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page) if f' id="{field}"' in tag)
    described = re.search(r'aria-describedby="([^"]*)"', tag)
    assert 'aria-invalid="true"' in tag, tag
    assert described is not None, tag
    assert f"{field}_error" in described[1].split(), tag
    found = re.search(rf'id="{re.escape(field)}_error"[^>]*>([^<]*)<', page)
    assert found is not None
    return html.unescape(found[1]).strip()
