"""The form that fetches a base model."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalogue.api import Download
from catalogue.foreign_names_api import MappedName
from catalogue.models import BaseModel
from common.forms import PageForm, field_like


class DownloadForm(PageForm):
    """A model's row; the box is shown until its licence has been accepted."""

    accept_licence = field_like(Download, "accept_licence", label=_("I accept its licence"))

    def __init__(self, data: Any = None, *, base: BaseModel) -> None:
        super().__init__(data, auto_id=f"{base.pk}-%s")
        if base.licence_is_open:
            del self.fields["accept_licence"]
        else:
            self.fields["accept_licence"].widget.attrs["required"] = True


class ShutdownForm(PageForm):
    """The day from which a base model is to be gone; empty for none."""

    shutdown_date = forms.DateField(
        label=_("Is to be gone on"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, data: Any = None, *, base: BaseModel) -> None:
        super().__init__(data, auto_id=f"leaves-{base.pk}-%s", initial={"shutdown_date": base.leaves_on})


class ModelNameForm(PageForm):
    """Another provider's name, and the base that it means."""

    name = forms.CharField(label=_("Name that scripts say"), max_length=120)
    base = field_like(MappedName, "base", label=_("Base model here"), widget=forms.Select)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="named-%s")
        present = BaseModel.objects.present()
        self.fields["base"].widget.choices = [(base.pk, base.display_name) for base in present]  # type: ignore[attr-defined]
        self.fields["name"].widget.attrs["placeholder"] = "gpt-4o-mini-2024-07-18"


class NamedForm(PageForm):
    """A button of a mapped name's row."""

    name = forms.CharField()
