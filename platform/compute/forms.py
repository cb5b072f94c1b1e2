"""The form of a team's quota."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from compute.api import QuotaBody


class QuotaForm(PageForm):
    """One row of the pool's page; empty is the whole pool."""

    accelerators = field_like(
        QuotaBody,
        "accelerators",
        widget=forms.NumberInput(attrs={"class": "w-auto", "placeholder": _("whole pool")}),
    )

    def __init__(self, data: Any = None, *, team_id: int, **options: Any) -> None:
        super().__init__(data, auto_id=f"quota-{team_id}-%s", **options)
