"""Small words of the templates: icons, durations, sizes, times."""

import secrets
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.days import clock_of
from common.idempotency import FORM_KEY
from common.wording import in_words as words_of
from wording import Message

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """Draw one icon of the sprite; decoration only, so hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" width="20" height="20"><use href="{}#{}"></use></svg>',
        classes,
        static("luthier/icons.svg"),
        name,
    )


@register.filter
def duration(seconds: float | None) -> str:
    """4 min 10 s / 4 分 10 秒; the larger units only as far as they say something."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return _("%(seconds)s s") % {"seconds": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    hours, minutes = divmod(minutes, 60)
    return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}


@register.filter
def size(num_bytes: int | None) -> str:
    """Bytes in B, kB, MB or GB."""
    value = float(num_bytes or 0)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


@register.filter
def ago(moment: datetime | None) -> str:
    """Relative up to a day, then the date."""
    if moment is None:
        return "–"
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        minutes = int(seconds // 60)
        return ngettext("%(count)s minute ago", "%(count)s minutes ago", minutes) % {"count": minutes}
    if seconds < 86_400:
        hours = int(seconds // 3600)
        return ngettext("%(count)s hour ago", "%(count)s hours ago", hours) % {"count": hours}
    return formats.date_format(timezone.localtime(moment), "Y-m-d")


@register.filter
def clock(moment: datetime | None) -> str:
    """The time with its zone, and with its date where that is not today's."""
    return "–" if moment is None else clock_of(moment)


@register.filter
def in_words(message: Message | str | None) -> str:
    """A message in the reader's language."""
    return words_of(message)


@register.simple_tag(takes_context=True)
def form_key(context: dict[str, Any]) -> SafeString:
    """A field that identifies this display of a form, and its viewer: sent again, the form does nothing."""
    key = f"{context['user'].pk}-{secrets.token_urlsafe(16)}"
    return format_html('<input type="hidden" name="{}" value="{}" autocomplete="off">', FORM_KEY, key)


@register.filter
def grouped(number: int | None) -> str:
    """Counts with their thousands apart."""
    return "–" if number is None else f"{number:,}"


@register.inclusion_tag("common/_steps.html")
def steps(here: str) -> dict[str, Any]:
    """You are here: data → train → deploy."""
    return {"here": here}
