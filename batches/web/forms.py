"""The form of a new batch."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from batches.running.lines import ENDPOINTS
from batches.web.requests import NewBatch
from common.forms import PageForm, field_like
from common.templatetags.luthier import size
from datasets_app.models import TrainingFile


class BatchForm(PageForm):
    """A file of requests, from this computer or uploaded before, and what they ask."""

    file = forms.FileField(label=_("File of requests"), required=False, allow_empty_file=True)
    input_file_id = field_like(
        NewBatch, "input_file_id", label=_("Or one that was uploaded"), required=False, widget=forms.Select
    )
    endpoint = field_like(
        NewBatch, "endpoint", label=_("What the requests ask"), widget=forms.Select, initial=ENDPOINTS[0]
    )

    def __init__(self, data: Any = None, *, files: Any = None, uploaded: Iterable[TrainingFile]) -> None:
        super().__init__(data, files=files)
        self.fields["file"].help_text = gettext(
            "JSON Lines, each with custom_id, method, url and body. Here up to %(limit)s; larger ones by the API."
        ) % {"limit": size(settings.MAX_BODY_BYTES)}
        choices = [(file.pk, f"{file.filename} · {size(file.bytes)}") for file in uploaded]
        if choices:
            self.fields["input_file_id"].widget.choices = [("", ""), *choices]
        else:
            del self.fields["input_file_id"]
        self.fields["endpoint"].widget.choices = [(one, one) for one in ENDPOINTS]

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        if bool(fields.get("file")) == bool(fields.get("input_file_id")) and not self.errors:
            self.add_error("file", gettext("Choose one file of requests."))
        return fields
