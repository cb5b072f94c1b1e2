"""Forms of deployments."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from common.wording import in_words
from deployments.messages import message
from deployments.models import Deployment
from deployments.web.api import ChangedDeployment, NewDeployment

AUTO = "auto"


class AcceleratorsField(forms.CharField):
    """A number, or "auto", which is None. The use case knows how many there may be."""

    widget = forms.Select

    def clean(self, value: Any) -> int | None:
        text = super().clean(value) or AUTO
        if text == AUTO:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValidationError(in_words(message("accelerators_invalid")))
        return int(text)


class DeploymentForm(PageForm):
    model = field_like(NewDeployment, "model", label=_("Model"), widget=forms.Select)
    name = field_like(
        NewDeployment,
        "name",
        label=_("Name"),
        help_text=_("Programs request the model by this name. Letters, digits, dot, dash and underscore."),
        widget=forms.TextInput(attrs={"pattern": r"[A-Za-z0-9][A-Za-z0-9._\-]*"}),
    )
    accelerators = AcceleratorsField(
        label=_("Accelerators"),
        required=False,
        initial=1,
        help_text=_("GPUs, or CPU cores where there are none. Auto uses every free one that your quota allows."),
    )
    open_to_loopback = field_like(
        NewDeployment,
        "open_to_loopback",
        label=_("No API key needed on this machine"),
        help_text=_("Requests from this machine are answered under this name without a key, or with the key EMPTY."),
    )

    def __init__(
        self, data: Any = None, *, models: Iterable[tuple[str, str]], numbers: Iterable[int], **options: Any
    ) -> None:
        super().__init__(data, **options)
        self.fields["model"].widget.choices = list(models)  # type: ignore[attr-defined]
        self.fields["accelerators"].widget.choices = [  # type: ignore[attr-defined]
            *((number, number) for number in numbers),
            (AUTO, _("Auto")),
        ]


class SettingsForm(PageForm):
    open_to_loopback = field_like(ChangedDeployment, "open_to_loopback", label=_("No API key needed on this machine"))

    def __init__(self, data: Any = None, *, deployment: Deployment) -> None:
        super().__init__(data, initial={"open_to_loopback": deployment.open_to_loopback})
