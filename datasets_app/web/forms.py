"""Forms of data sets: how a file is read, what becomes of text that nothing reads, parts, mixtures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from common.forms import PageField, PageForm, field_like
from common.wording import in_words
from datasets_app.formats import NAMES as FORMAT_NAMES
from datasets_app.formats.encodings import ENCODINGS
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.shapes import SHAPES
from datasets_app.versions.questions import Question, words_of_choices
from datasets_app.versions.repairs import NAMES as REPAIRS
from datasets_app.versions.splits import PARTS
from datasets_app.web.requests import MixPart, NewMixture, NewReading

UNUSED = "unused-"
COLUMNS = {
    "prompt": _("Column of the question"),
    "answer": _("Column of the answer"),
    "system": _("Column of the system prompt"),
}
SAMPLE_CHARACTERS = 200


def _detected(names: Sequence[str]) -> list[tuple[str, Any]]:
    return [("", _("Detected")), *((name, name) for name in names)]


class ReadingForm(PageForm):
    """How to read a file, where it was not detected."""

    shape = forms.ChoiceField(label=_("Row format"), required=False)
    format = forms.ChoiceField(label=_("Format"), required=False, choices=_detected(FORMAT_NAMES))
    encoding = forms.ChoiceField(label=_("Encoding"), required=False, choices=_detected(ENCODINGS))

    names = {"columns": "column-prompt"}

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        shapes = [(shape.name, in_words(shape.words)) for shape in SHAPES if shape.turn is not None]
        self.fields["shape"].choices = [("", _("Detected")), *shapes]  # type: ignore[attr-defined]
        for part, label in COLUMNS.items():
            self.fields[f"column-{part}"] = field_like(NewReading, "columns", label=label, required=False)

    def clean(self) -> dict[str, Any]:
        columns = {part: self.cleaned_data.get(f"column-{part}", "") for part in COLUMNS}
        reading = {name: self.cleaned_data.get(name, "") for name in ("format", "shape", "encoding")}
        return {"reading": {**reading, "columns": columns}}

    @property
    def rows(self) -> list[list[BoundField]]:
        """Return the fields in the order in which they are shown."""
        return [[self[f"column-{part}"] for part in COLUMNS], [self[n] for n in ("shape", "format", "encoding")]]


class _Numbered(PageField):
    """A field whose name is somebody's key, which may have spaces: no id has."""

    @property
    def auto_id(self) -> str:
        return f"{UNUSED}{list(self.form.fields).index(self.name) + 1}"


class UnusedForm(PageForm):
    """What to do with each key that nothing reads; the service knows which are asked."""

    bound_field_class = _Numbered

    def __init__(self, data: Any = None, *, questions: Sequence[Question]) -> None:
        super().__init__(data)
        words = words_of_choices()
        for question in questions:
            choices = [(choice, words[choice]) for choice in words if choice in question.choices]
            sample = Truncator(question.sample).chars(SAMPLE_CHARACTERS)
            field = forms.ChoiceField(
                label=in_words(question.message),
                choices=[("", _("Choose")), *choices] if len(choices) > 1 else choices,
                required=False,
                widget=forms.Select(attrs={"required": True}),
                help_text=format_html('{} <span class="said">{}</span>', _("First example:"), sample) if sample else "",
            )
            self.fields[f"{UNUSED}{question.name}"] = field

    @classmethod
    def is_in(cls, data: Iterable[str]) -> bool:
        """Whether this form was sent, and not that of the reading."""
        return any(name.startswith(UNUSED) for name in data)

    def clean(self) -> dict[str, Any]:
        given = {name.removeprefix(UNUSED): said for name, said in self.data.items() if name.startswith(UNUSED)}
        return {"answers": {name: str(said) for name, said in given.items() if said}}


class FileForm(PageForm):
    """A file from a browser without scripts; with scripts it goes to the API in a stream."""

    file = forms.FileField(required=False, allow_empty_file=True)

    def clean_file(self) -> Any:
        if self.cleaned_data["file"] is None:
            raise forms.ValidationError(in_words(message("choose_a_file")))
        return self.cleaned_data["file"]


class VersionForm(FileForm):
    """The next version of a file."""

    reason = forms.CharField(required=False)


class RepairForm(PageForm):
    """Repairs, with what is filled in for placeholders."""

    repair = forms.MultipleChoiceField(choices=[(name, name) for name in REPAIRS], required=False)

    names = {"repairs": "repair"}

    def clean(self) -> dict[str, Any]:
        return {"names": self.cleaned_data.get("repair", []), "values": values_of(self.data)}


def values_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what was filled in for placeholders."""
    return {key.removeprefix("value-"): str(text) for key, text in given.items() if key.startswith("value-") and text}


class SplitForm(PageForm):
    """Parts in percent; one without a share is not made."""

    train = forms.IntegerField(label=_("Training, percent"), initial=80, min_value=0, max_value=100, required=False)
    validation = forms.IntegerField(
        label=_("Validation, percent"), initial=10, min_value=0, max_value=100, required=False
    )
    test = forms.IntegerField(label=_("Test, percent"), initial=10, min_value=0, max_value=100, required=False)

    def clean(self) -> dict[str, Any]:
        return {"shares": {name: float(share) for name in PARTS if (share := self.cleaned_data.get(name))}}


class MixForm(PageForm):
    """Files to mix, each with its weight."""

    file = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label=_("Data sets"),
        error_messages={"required": _("Choose the data sets to combine.")},
    )
    filename = field_like(NewMixture, "filename", label=_("Name of the new data set"))

    names = {"parts": "file"}

    def __init__(self, data: Any = None, *, files: Sequence[TrainingFile]) -> None:
        super().__init__(data)
        self._files = {file.pk: file for file in files}
        self.fields["file"].choices = [(file.pk, file.filename) for file in files]  # type: ignore[attr-defined]
        for pk in self._files:
            weight = field_like(MixPart, "weight", label=_("Weight"), initial=1, min_value=0)
            weight.widget.attrs["step"] = "any"
            self.fields[f"weight-{pk}"] = weight

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data.get("file", [])
        weights = {pk: self.cleaned_data.get(f"weight-{pk}") for pk in chosen}
        parts = [(self._files[pk], 1.0 if weight is None else weight) for pk, weight in weights.items()]
        return {"parts": parts, "filename": self.cleaned_data.get("filename") or self.fields["filename"].initial}

    @property
    def rows(self) -> Iterator[tuple[TrainingFile, Any, BoundField]]:
        """Yield each file with its box and its weight."""
        for file, box in zip(self._files.values(), self["file"], strict=True):
            yield file, box, self[f"weight-{file.pk}"]
