"""The forms of the pool's page and of the queue's rows."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from compute.administering.quotas import MOST_BYTES
from compute.models import Pool
from compute.web.api import QuotaBody
from compute.web.pools_api import NewPoolBody, PoolBody
from compute.web.queue_api import MoveBody, PriorityBody

HOUR = 3600
GB = 10**9


def _number(name: str, label: Any, empty: Any) -> Any:
    widget = forms.NumberInput(attrs={"placeholder": empty})
    return field_like(QuotaBody, name, label=label, widget=widget)


class QuotaForm(PageForm):
    """One row of the pool's page; an empty field is no limit, and no guarantee."""

    guaranteed = _number("guaranteed", _("Guaranteed"), "0")
    ceiling = _number("ceiling", _("At most"), _("whole pool"))
    accelerator_hours = _number("accelerator_hours", _("Hours a month"), _("no limit"))
    per_user = _number("per_user", _("Per person"), _("no limit"))
    longest_hours = forms.FloatField(
        label=_("Longest run, hours"),
        required=False,
        min_value=0,
        max_value=99_999,
        widget=forms.NumberInput(attrs={"placeholder": _("no limit"), "step": "0.01"}),
    )

    storage_gb = forms.DecimalField(
        label=_("Storage, GB"),
        required=False,
        min_value=0,
        max_value=MOST_BYTES // GB,
        decimal_places=9,
        widget=forms.NumberInput(attrs={"placeholder": _("no limit"), "step": "any"}),
    )

    names = {"longest_run_seconds": "longest_hours", "storage_bytes": "storage_gb"}

    def __init__(self, data: Any = None, *, team_id: int, initial: Any = None) -> None:
        shown = dict(initial or {})
        seconds, size = shown.pop("longest_run_seconds", None), shown.pop("storage_bytes", None)
        shown["longest_hours"] = None if seconds is None else f"{seconds / HOUR:g}"
        shown["storage_gb"] = None if size is None else f"{(Decimal(size) / GB).normalize():f}"
        super().__init__(data, auto_id=f"quota-{team_id}-%s", initial=shown)

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        hours, size = fields.pop("longest_hours", None), fields.pop("storage_gb", None)
        fields["longest_run_seconds"] = None if hours is None else round(hours * HOUR)
        fields["storage_bytes"] = None if size is None else int(size * GB)
        return fields


class PoolForm(PageForm):
    """What a pool is called, and whether it may promise more than it has."""

    title = field_like(PoolBody, "title", label=_("Name on pages"))
    overcommit = field_like(
        PoolBody,
        "overcommit",
        label=_("Guarantees may add up to more than there is"),
        help_text=_(
            "Without it such a guarantee is refused. With it, it is shown above; when every team asks for its own at "
            "once, some wait."
        ),
    )

    def __init__(self, data: Any = None, *, pool: Pool) -> None:
        now = {"title": pool.title, "overcommit": pool.overcommit}
        super().__init__(data, auto_id=f"pool-{pool.name}-%s", initial=now)


class NewPoolForm(PageForm):
    """A pool that nodes can be moved to."""

    name = field_like(
        NewPoolBody,
        "name",
        label=_("Name"),
        help_text=_("In addresses, jobs and the ledger, for good: letters, digits, hyphens and underscores."),
    )
    title = field_like(NewPoolBody, "title", label=_("Name on pages"))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="new-pool-%s")


class MoveForm(PageForm):
    """Where a node goes."""

    pool = forms.ModelChoiceField(Pool.objects.order_by("pk"), to_field_name="name", empty_label=None, label=_("Pool"))

    def __init__(self, data: Any = None, *, others: Iterable[Pool] | None = None) -> None:
        super().__init__(data, auto_id="move-%s")
        if others is not None:
            self.fields["pool"].widget.choices = [(one.name, str(one)) for one in others]  # type: ignore[attr-defined]


class QueueActionForm(PageForm):
    """A button of a row of the queue: an end to move it to, or a priority."""

    to = field_like(MoveBody, "to", required=False)
    priority = field_like(PriorityBody, "priority", required=False)
