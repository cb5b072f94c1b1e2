"""The form of a team's quota."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from compute.web.api import QuotaBody


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
