"""The form that fetches a base model."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from catalogue.api import Download
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
