"""Forms of deployments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from common.templatetags.luthier import grouped
from common.wording import in_words
from compute.models import Pool
from deployments.messages import message
from deployments.models import Accelerators, Deployment
from deployments.reservations import HOURS_OF_A_MONTH
from deployments.services import pool_name
from deployments.web.api import ChangedDeployment, NewDeployment

SHARED, AUTO = "shared", "auto"


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What may be kept for a deployment, and what the team has for it."""

    numbers: Iterable[int]
    pools: Sequence[Pool]
    """Those that the team may choose from."""
    hours_of_team: int | None
    """Accelerator-hours a month; None: nobody counts them."""

    def choices(self) -> list[tuple[str, Any]]:
        own = [(str(number), self._said(number)) for number in self.numbers]
        return [(SHARED, _("Shared: nothing is reserved")), *own, (AUTO, _("Auto"))]

    def _said(self, number: int) -> str:
        known = {"number": number, "hours": grouped(number * HOURS_OF_A_MONTH), "all": grouped(self.hours_of_team)}
        if self.hours_of_team is None:
            return gettext("%(number)s: up to %(hours)s accelerator-hours a month") % known
        return gettext("%(number)s: up to %(hours)s of your %(all)s accelerator-hours a month") % known


class AcceleratorsField(forms.CharField):
    """ "shared", which nothing means as well, "auto", or a number. The use case knows how many there may be."""

    widget = forms.Select

    def clean(self, value: Any) -> Accelerators:
        text = super().clean(value)
        if text in ("", SHARED):
            return "shared"
        if text == AUTO:
            return "auto"
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValidationError(in_words(message("accelerators_invalid")))
        return int(text)


class ReservingForm(PageForm):
    """A form that asks what a deployment keeps for itself."""

    accelerators = AcceleratorsField(
        label=_("Accelerators"),
        required=False,
        initial=SHARED,
        help_text=_(
            "Shared, it answers beside others on its base model, wakes with a request and sleeps when nobody asks. "
            "Its own are GPUs, or CPU cores where there are none; auto is every free one that your quota allows."
        ),
    )
    pool = forms.CharField(
        label=_("Pool"),
        required=False,
        empty_value=None,
        widget=forms.Select,
        help_text=_("On whose nodes it answers."),
    )
    min_replicas = forms.TypedChoiceField(
        label=_("While nobody asks"), required=False, coerce=int, empty_value=None, initial=1
    )

    def offer(self, offers: Offers) -> None:
        """Say what there is to choose from."""
        minutes = round(settings.DEPLOYMENT_IDLE_SECONDS / 60)
        sleeps = ngettext(
            "its own accelerators are given back after %(minutes)s minute",
            "its own accelerators are given back after %(minutes)s minutes",
            minutes,
        ) % {"minutes": minutes}
        self.fields["accelerators"].widget.choices = offers.choices()  # type: ignore[attr-defined]
        if len(offers.pools) > 1:
            self.fields["pool"].widget.choices = [(one.name, str(one)) for one in offers.pools]  # type: ignore[attr-defined]
        else:
            del self.fields["pool"]
        self.fields["min_replicas"].choices = [(1, _("its own accelerators are kept")), (0, sleeps)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        if fields.get("accelerators") == SHARED:  # which the other field, hidden then, is not about
            fields["min_replicas"] = None
        return fields


class DeploymentForm(ReservingForm):
    model = field_like(NewDeployment, "model", label=_("Model"), widget=forms.Select)
    name = field_like(
        NewDeployment,
        "name",
        label=_("Name"),
        help_text=_("Programs request the model by this name. Letters, digits, dot, dash and underscore."),
        widget=forms.TextInput(attrs={"pattern": r"[A-Za-z0-9][A-Za-z0-9._\-]*"}),
    )
    open_to_loopback = field_like(
        NewDeployment,
        "open_to_loopback",
        label=_("No API key needed on this machine"),
        help_text=_("Requests from this machine are answered under this name without a key, or with the key EMPTY."),
    )

    field_order = ("model", "name")

    def __init__(self, data: Any = None, *, models: Iterable[tuple[str, str]], offers: Offers, **options: Any) -> None:
        super().__init__(data, **options)
        self.offer(offers)
        self.fields["model"].widget.choices = list(models)  # type: ignore[attr-defined]


class SettingsForm(ReservingForm):
    open_to_loopback = field_like(ChangedDeployment, "open_to_loopback", label=_("No API key needed on this machine"))

    def __init__(self, data: Any = None, *, deployment: Deployment, offers: Offers) -> None:
        now = {
            "open_to_loopback": deployment.open_to_loopback,
            "accelerators": deployment.reserved,
            "min_replicas": 1 if deployment.shared else deployment.min_replicas,
            "pool": pool_name(deployment),
        }
        super().__init__(data, initial=now)
        self._kept = deployment.reserved
        self.offer(offers)

    def clean(self) -> dict[str, Any]:
        """Leave out accelerators that are as they were: asked for again they would start it anew."""
        fields = super().clean()
        if fields.get("accelerators") == self._kept or "accelerators" not in self.data:
            fields["accelerators"] = None
        return fields


class ButtonForm(PageForm):
    """What a button names, which nobody fills in: a model, or the job to go back to."""

    model = forms.CharField(required=False)
    job = forms.CharField(required=False)
