"""The forms of a team's quota and of the queue's rows."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from compute.web.api import QuotaBody
from compute.web.queue_api import MoveBody, PriorityBody


def _number(name: str, label: Any, empty: Any) -> Any:
    widget = forms.NumberInput(attrs={"placeholder": empty})
    return field_like(QuotaBody, name, label=label, widget=widget)


class QuotaForm(PageForm):
    """One row of the pool's page; an empty field is no limit, and no guarantee."""

    guaranteed = _number("guaranteed", _("Guaranteed"), "0")
    ceiling = _number("ceiling", _("At most"), _("whole pool"))
    accelerator_hours = _number("accelerator_hours", _("Hours a month"), _("no limit"))
    per_user = _number("per_user", _("Per person"), _("no limit"))

    def __init__(self, data: Any = None, *, team_id: int, **options: Any) -> None:
        super().__init__(data, auto_id=f"quota-{team_id}-%s", **options)


class QueueActionForm(PageForm):
    """A button of a row of the queue: an end to move it to, or a priority."""

    to = field_like(MoveBody, "to", required=False)
    priority = field_like(PriorityBody, "priority", required=False)
