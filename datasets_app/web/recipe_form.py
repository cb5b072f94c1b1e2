"""The form of a recipe, drawn from its questionnaire."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from common.errors import UserError
from common.forms import PageForm
from common.wording import in_words
from datasets_app.messages import message
from datasets_app.recipes.base import Field, QuestionnaireError, Recipe, TableRow
from datasets_app.recipes.making import read_answers
from datasets_app.recipes.tables import rows_of_file, rows_of_text, text_of_rows

UPLOAD = "-file"
MOST_CHARS = 2_000_000
MOST_FILE_BYTES = 4 * 2**20


class RecipeForm(PageForm):
    """What the model should learn."""

    def __init__(
        self,
        data: Any = None,
        *,
        recipe: Recipe[Any],
        offered: Sequence[tuple[str, str]],
        models: Sequence[tuple[str, str]] = (),
        **options: Any,
    ) -> None:
        super().__init__(data, **options)
        self.recipe = recipe
        for field in recipe.fields:
            self.fields[field.name] = _drawn(field)
            if field.kind == "model":
                self.fields[field.name].widget = forms.Select(choices=models)
            if field.kind == "table":
                self.fields[f"{field.name}{UPLOAD}"] = forms.FileField(
                    label=_("Or choose a table"),
                    help_text=_("CSV, TSV or Excel, with a heading over each column."),
                    required=False,
                    allow_empty_file=True,
                )
        self.fields["file"] = forms.CharField(
            label=_("Add it to one of your data sets"),
            help_text=recipe.completes or _("Its rows stay, and missing rows are added, as a new version."),
            required=False,
            max_length=60,
            widget=forms.Select(choices=[("", _("No, create a new data set")), *offered]),
        )

    names = {"file_id": "file"}

    @property
    def is_preview(self) -> bool:
        """Whether the button was pressed that only shows what the data set would be."""
        return "look" in self.data

    @property
    def takes_files(self) -> bool:
        return any(field.kind == "table" for field in self.recipe.fields)

    def clean(self) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for field in self.recipe.fields:
            if field.name in self.cleaned_data:
                answers[field.name] = self._answer(field)
        read = None
        if not self.errors:
            try:
                read = read_answers(self.recipe, answers)
            except UserError as error:
                self.refuse(error)
        return {"answers": answers, "read": read, "file": self.cleaned_data.get("file")}

    def _answer(self, field: Field) -> Any:
        given = self.cleaned_data[field.name]
        if field.kind == "list":
            return given or [""]
        if field.kind == "lines":
            return [line.strip() for line in given.splitlines() if line.strip()]
        if field.kind != "table":
            return given
        upload = self.cleaned_data.get(f"{field.name}{UPLOAD}")
        try:
            rows = rows_of_text(given, field)
            if upload:
                rows += rows_of_file(_small(upload, field), upload.name or "", field)
                self._keep(field, rows)
            return rows
        except QuestionnaireError as error:
            self.add_error(field.name, in_words(error.message))
            return []

    def _keep(self, field: Field, rows: list[TableRow]) -> None:
        """Show the rows of an uploaded table as text, since no browser fills in a file for the next look."""
        self.data = self.data.copy()  # type: ignore[attr-defined]
        self.data[field.name] = text_of_rows(rows)  # type: ignore[index]


def _small(upload: UploadedFile, field: Field) -> UploadedFile:
    if (upload.size or 0) > MOST_FILE_BYTES:
        raise QuestionnaireError(message("recipe_table_large", megabytes=MOST_FILE_BYTES // 2**20), field=field.name)
    return upload


def _drawn(field: Field) -> forms.Field:
    options: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": field.is_required}
    attrs = {"placeholder": field.placeholder} if field.placeholder else {}
    choices = list(field.choices.items())
    match field.kind:
        case "text" | "model":
            return forms.CharField(max_length=field.most, widget=forms.TextInput(attrs=attrs), **options)
        case "long":
            widget = forms.Textarea(attrs={"rows": 4, **attrs})
            return forms.CharField(max_length=field.most, widget=widget, **options)
        case "list":
            return forms.MultipleChoiceField(
                choices=choices, initial=field.default, widget=forms.CheckboxSelectMultiple, **options
            )
        case "choice":
            return forms.ChoiceField(choices=choices, initial=field.default, widget=forms.RadioSelect, **options)
    options["required"] = field.is_required and field.kind == "lines"  # a table may come as a file
    widget = forms.Textarea(attrs={"rows": 10, "spellcheck": "false", **attrs})
    return forms.CharField(max_length=MOST_CHARS, strip=False, widget=widget, **options)
