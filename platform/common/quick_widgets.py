"""Fields of pages drawn without a template each: a page of many teams has more than a hundred of them."""

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Widget = Mapping[str, Any]


class QuickRenderer(DjangoTemplates):
    """Draws what Django's own templates draw; whatever is not listed here is left to them."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        draw = _DRAWN.get(template_name)
        return draw(context["widget"]) if draw else super().render(template_name, context, request)


def _input(widget: Widget) -> SafeString:
    value = "" if widget["value"] is None else format_html(' value="{}"', widget["value"])
    return format_html(
        '<input type="{}" name="{}"{}{}>', widget["type"], widget["name"], value, flatatt(widget["attrs"])
    )


def _select(widget: Widget) -> SafeString:
    groups = format_html_join("", "{}", ((_group(name, choices),) for name, choices, _ in widget["optgroups"]))
    return format_html('<select name="{}"{}>{}</select>', widget["name"], flatatt(widget["attrs"]), groups)


def _group(name: str | None, choices: list[Widget]) -> SafeString:
    options = format_html_join(
        "", '<option value="{}"{}>{}</option>', ((one["value"], flatatt(one["attrs"]), one["label"]) for one in choices)
    )
    return format_html('<optgroup label="{}">{}</optgroup>', name, options) if name else options


_DRAWN: dict[str, Callable[[Widget], SafeString]] = {
    **{
        f"django/forms/widgets/{kind}.html": _input
        for kind in ("number", "text", "hidden", "email", "password", "checkbox", "input")
    },
    "django/forms/widgets/select.html": _select,
}
