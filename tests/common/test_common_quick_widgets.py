"""Fields drawn without templates are what Django's templates make of them."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from common.quick_widgets import _DRAWN, QuickRenderer

TEXT = '"><b>&amp;\u4f60'
WIDGETS = {
    "number": (forms.NumberInput(attrs={"min": 0, "placeholder": TEXT}), 7),
    "nothing": (forms.NumberInput(), None),
    "text": (forms.TextInput(attrs={"required": True, "disabled": False}), TEXT),
    "hidden": (forms.HiddenInput(), "x"),
    "email": (forms.EmailInput(), "a@b.c"),
    "password": (forms.PasswordInput(), "secret"),
    "checked": (forms.CheckboxInput(attrs={"value": "1"}), True),
    "unchecked": (forms.CheckboxInput(), False),
    "select": (forms.Select(choices=[("", "None"), (TEXT, TEXT), (3, "three")]), TEXT),
    "groups": (forms.Select(choices=[("one", [("a", "A")]), ("two", [("b", TEXT)])]), "b"),
}


class _Read(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted(attrs, key=str)))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())


@pytest.mark.parametrize("kind", WIDGETS)
def test_is_as_the_template_draws_it(kind: str) -> None:
    widget, value = WIDGETS[kind]
    assert widget.template_name in _DRAWN
    quick, usual = (widget.render("field", value, {"id": "x"}, one()) for one in (QuickRenderer, DjangoTemplates))
    assert _Read(quick).found == _Read(usual).found
