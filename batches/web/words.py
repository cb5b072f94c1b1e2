"""How a batch's state is said on pages."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from batches.models import Batch
from common.marks import Mark
from common.templatetags.luthier import clock, grouped
from common.wording import in_words
from wording import Message

STATUSES = {
    "validating": ("busy", "loader"),
    "failed": ("bad", "circle-x"),
    "in_progress": ("busy", "loader"),
    "finalizing": ("busy", "loader"),
    "completed": ("ok", "circle-check"),
    "expired": ("bad", "clock"),
    "cancelling": ("wait", "clock"),
    "cancelled": ("wait", "circle-dashed"),
}


def status_of(batch: Batch) -> Mark:
    """Return the state as icon, colour and word."""
    kind, icon = STATUSES[batch.status]
    return {"kind": kind, "icon": icon, "word": str(Batch.Status(batch.status).label)}


def sentence_of(batch: Batch) -> str:
    """Say in words how the batch stands."""
    if batch.status == Batch.Status.VALIDATING:
        return _("The requests are being checked, line by line.")
    if batch.status == Batch.Status.FAILED:
        count = len(batch.errors)
        return ngettext("Nothing was asked: %(count)s fault.", "Nothing was asked: %(count)s faults.", count) % {
            "count": count
        }
    done = _("%(done)s of %(total)s requests answered.") % {
        "done": grouped(batch.num_completed),
        "total": grouped(batch.num_requests),
    }
    if batch.num_failed:
        failed = ngettext("%(count)s without an answer.", "%(count)s without an answer.", batch.num_failed)
        done = f"{done} {failed % {'count': grouped(batch.num_failed)}}"
    if batch.status == Batch.Status.IN_PROGRESS:
        waits = in_words(batch.waits_for) or _("It ends at %(time)s at the latest.") % {"time": clock(batch.expires_at)}
        return f"{done} {waits}"
    return done


def faults_of(batch: Batch) -> list[dict[str, Any]]:
    """Return what is wrong with the file of requests, in words."""
    return [{"line": fault["line"], "message": in_words(Message.restored(fault["message"]))} for fault in batch.errors]
