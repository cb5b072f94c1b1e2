"""Forms of evaluations."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from evaluations.web.api import LONGEST_PROMPT, MOST_PROMPTS, NewEvaluation


class EvaluationForm(PageForm):
    """What is asked of which models; questions come from a data set or are written here."""

    model = field_like(NewEvaluation, "models", label=_("Model"), widget=forms.Select)
    other = field_like(
        NewEvaluation, "models", label=_("Another model (optional)"), widget=forms.Select, required=False
    )
    file = field_like(
        NewEvaluation,
        "file",
        label=_("Questions from a data set"),
        help_text=_("Its answers are what is expected. Choose one that the model was not trained on."),
        widget=forms.Select,
    )
    prompts = forms.CharField(
        label=_("Or your own questions, one a line"),
        required=False,
        max_length=LONGEST_PROMPT * 10,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    baseline = field_like(
        NewEvaluation,
        "baseline",
        label=_("Ask the base model as well"),
        help_text=_("Only beside its base one sees what a training has changed."),
    )

    names = {"models": "model"}

    def __init__(
        self, data: Any = None, *, models: Iterable[tuple[str, str]], files: Iterable[tuple[str, str]], **options: Any
    ) -> None:
        super().__init__(data, **options)
        offered = list(models)
        self.fields["model"].widget.choices = offered  # type: ignore[attr-defined]
        self.fields["other"].widget.choices = [("", "–"), *offered]  # type: ignore[attr-defined]
        self.fields["file"].widget.choices = [("", "–"), *files]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Return what the use case takes."""
        fields = super().clean() or self.cleaned_data
        model, other = fields.pop("model", ""), fields.pop("other", "")
        lines = [line.strip() for line in fields.get("prompts", "").splitlines() if line.strip()]
        return {
            **fields,
            "models": [name for name in (model, other) if name],
            "file": fields.get("file") or None,
            "prompts": [{"prompt": line} for line in lines[:MOST_PROMPTS]],
        }
