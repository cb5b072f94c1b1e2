"""Forms that were sent after the session had expired: people who sign in again find the form as they left it.

What was filled in waits in the browser's session, for an hour and for the person who filled it in: the form's key says
who that was. Files are not kept, since no page may fill in a file.
"""

import html
import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.requests import PageRequest
from common.idempotency import FORM_KEY, NOT_SAID
from common.valkey import is_over_limit

SESSION_KEY = "kept_form"
KEPT_SECONDS = 3600
LONGEST = 64 * 2**10
"""Anyone may send a form: how much of one is kept, and how many from one address."""
FORMS_FROM_ADDRESS = 30
ADDRESS_SECONDS = 300
TEXTS = ("text", "number", "email", "search", "url", "tel")


class KeptFormMiddleware:
    """Keep a form that asks to sign in first, and fill it in again on its page. The innermost: it sees what views say.

    A button's own address answers no GET, so signing in leads to the page that has the form.
    """

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method == "POST" and _asks_to_sign_in(request, response):
            page = _page_of(request)
            _keep(request, page)
            return redirect_to_login(page)
        if request.method == "GET" and _is_page(response) and (fields := left_form(request)) is not None:
            action = request.session.pop(SESSION_KEY)["action"]
            response.content = refilled(response.content.decode(), page=request.path, action=action, fields=fields)
        return response


def left_form(request: PageRequest) -> QueryDict | None:
    """Return what this person had filled in on this page when their session expired; None where nothing is kept."""
    if not request.user.is_authenticated:
        return None
    kept = request.session.get(SESSION_KEY)
    if kept is None or kept["user"] != str(request.user.pk) or kept["page"] != request.get_full_path():
        return None
    fields = QueryDict(mutable=True)
    for name, texts in kept["fields"].items():
        fields.setlist(name, texts)
    return fields


def refilled(text: str, *, page: str, action: str, fields: QueryDict) -> str:
    """Return a page whose form for `action` holds `fields`, and is open to be seen."""
    parser = _Refill(text, page=page, action=action, fields=fields)
    parser.feed(text)
    parser.close()
    for start, end, changed in sorted(parser.changes.values(), reverse=True):
        text = text[:start] + changed + text[end:]
    return text


def _asks_to_sign_in(request: PageRequest, response: HttpResponse) -> bool:
    if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return False
    to = urlsplit(response.get("Location", ""))
    asks = to.path == settings.LOGIN_URL and QueryDict(to.query).get("next") == request.get_full_path()
    return asks and not request.user.is_authenticated


def _page_of(request: PageRequest) -> str:
    """Return the address of the page that the form was on: where it was sent to, unless the browser says otherwise."""
    came_from = request.headers.get("referer", "")
    if came_from and url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        address = urlsplit(came_from)
        return f"{address.path}?{address.query}" if address.query else address.path
    return request.path


def _keep(request: PageRequest, page: str) -> None:
    # Passwords rest nowhere in the clear.
    fields = {n: texts for n, texts in request.POST.lists() if n not in NOT_SAID and "password" not in n}
    user = str(request.POST.get(FORM_KEY, "")).partition("-")[0]
    address = request.META.get("REMOTE_ADDR", "")
    if not user or len(json.dumps(fields)) > LONGEST:
        return
    if is_over_limit(f"kept-form:{address}", limit=FORMS_FROM_ADDRESS, seconds=ADDRESS_SECONDS):
        return
    request.session[SESSION_KEY] = {"user": user, "page": page, "action": request.path, "fields": fields}
    request.session.set_expiry(KEPT_SECONDS)  # until somebody signs in


def _is_page(response: HttpResponse) -> bool:
    is_html = response.get("Content-Type", "").startswith("text/html")
    return is_html and response.status_code == 200 and not response.streaming


class _Refill(HTMLParser):
    """Collects what has to change in a page: (start, end, new text) by start."""

    def __init__(self, text: str, *, page: str, action: str, fields: QueryDict) -> None:
        super().__init__()
        self.changes: dict[int, tuple[int, int, str]] = {}
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._page, self._action = page, action
        self._fields = {name: list(texts) for name, texts in fields.lists()}
        self._is_inside = False
        self._details: list[tuple[int, int, list[tuple[str, str | None]]]] = []
        self._select = ""
        self._textarea: tuple[int, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "details":
            self._details.append((self._place(), len(self.get_starttag_text() or ""), attrs))
        elif tag == "form":
            is_post = (given.get("method") or "").lower() == "post"
            self._is_inside = is_post and (given.get("action") or self._page) == self._action
            if self._is_inside:
                self._open_details()
        elif self._is_inside:
            self._field(tag, attrs, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self._details:
            self._details.pop()
        elif tag == "form":
            self._is_inside = False
        elif tag == "textarea" and self._textarea is not None:
            start, text = self._textarea
            self.changes[start] = (start, self._place(), html.escape(text))
            self._textarea = None

    def _field(self, tag: str, attrs: list[tuple[str, str | None]], given: dict[str, Any]) -> None:
        name = given.get("name") or ""
        kind = (given.get("type") or "text").lower()
        if tag == "input" and kind in ("checkbox", "radio"):
            self._mark(tag, attrs, "checked", (given.get("value") or "on") in self._fields.get(name, []))
        elif tag == "input" and kind in TEXTS and self._fields.get(name):
            self._write(tag, attrs, self._fields[name].pop(0))
        elif tag == "textarea" and self._fields.get(name):
            self._textarea = (self._place() + len(self.get_starttag_text() or ""), self._fields[name].pop(0))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select in self._fields:
            self._mark(tag, attrs, "selected", (given.get("value") or "") in self._fields[self._select])

    def _mark(self, tag: str, attrs: list[tuple[str, str | None]], mark: str, is_on: bool) -> None:
        if is_on == any(name == mark for name, _ in attrs):
            return
        others = [(name, value) for name, value in attrs if name != mark]
        self._replace(tag, [*others, (mark, None)] if is_on else others)

    def _write(self, tag: str, attrs: list[tuple[str, str | None]], text: str) -> None:
        if text == (dict(attrs).get("value") or ""):
            return
        self._replace(tag, [*((name, value) for name, value in attrs if name != "value"), ("value", text)])

    def _replace(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open_details()
        start = self._place()
        self.changes[start] = (start, start + len(self.get_starttag_text() or ""), _tag(tag, attrs))

    def _open_details(self) -> None:
        for start, length, attrs in self._details:
            if not any(name == "open" for name, _ in attrs):
                self.changes[start] = (start, start + length, _tag("details", [*attrs, ("open", None)]))

    def _place(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column


def _tag(tag: str, attrs: list[tuple[str, str | None]]) -> str:
    written = (name if value is None else f'{name}="{html.escape(value)}"' for name, value in attrs)
    return f"<{' '.join((tag, *written))}>"
