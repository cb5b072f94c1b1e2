"""What people call things that nobody has given a name."""

from datetime import datetime

from django.utils import formats, timezone
from django.utils.translation import pgettext

PACKED = (".gz", ".zst", ".zip")


def made_name(data: str | None, base: str, at: datetime) -> str:
    """Return a name made of the data's file name, the base's and the day: "self_cognition · SmolLM2 · 27 Nov"."""
    day = formats.date_format(timezone.localtime(at), pgettext("day without its year", "j M"))
    return " · ".join(part for part in (_stem(data or ""), base.partition(" ")[0], day) if part)


def _stem(filename: str) -> str:
    """Return the file's name without what says how it is written."""
    for suffix in PACKED:
        filename = filename.removesuffix(suffix)
    name, dot, _suffix = filename.rpartition(".")
    return (name if dot and name else filename)[:60]
