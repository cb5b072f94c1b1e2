"""Where in the console its reader is."""

from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def nav_class(context: dict[str, Any], prefix: str) -> str:
    """Mark the section that the page belongs to."""
    path = context["request"].path
    return "active" if (path == "/" if prefix == "/" else path.startswith(prefix)) else ""
