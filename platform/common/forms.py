"""Forms of pages: what a field may hold is the API's, what is wrong is said at the field."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from rest_framework import serializers
from rest_framework.fields import empty

from common.errors import UserError
from common.idempotency import once
from common.wording import in_words

_KINDS: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], type[forms.Field]], ...] = (
    (serializers.BooleanField, forms.BooleanField),
    (serializers.ChoiceField, forms.TypedChoiceField),
    (serializers.IntegerField, forms.IntegerField),
    (serializers.FloatField, forms.FloatField),
    (serializers.CharField, forms.CharField),
)
_LIMITS = ("max_length", "min_length", "min_value", "max_value")
_CLASSES = {"select": "form-select", "checkbox": "", "radio": "", "hidden": ""}


def field_like(body: type[serializers.Serializer[Any]], name: str, **options: Any) -> Any:
    """Return the form's field for what the API reads as `name`, with the same limits and choices."""
    read = body().fields[name]
    kind = next(of_form for of_api, of_form in _KINDS if isinstance(read, of_api))
    limits = {limit: value for limit in _LIMITS if (value := getattr(read, limit, None)) is not None}
    if isinstance(read, serializers.ChoiceField):
        limits |= {"choices": list(read.choices.items()), "empty_value": None if read.required else read.default}
    if read.default is not empty:
        limits["initial"] = read.default
    may_be_empty = not read.required or read.allow_null or getattr(read, "allow_blank", False)
    return kind(**{"required": not may_be_empty and kind is not forms.BooleanField, **limits, **options})


class PageForm(forms.Form):
    """A form that `common/_field.html` draws. Its fields bear the names by which use cases refuse them."""

    status = 400
    """Of the page that shows what was refused."""

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **{"auto_id": "%s", **options})
        for field in self.fields.values():
            classes = _CLASSES.get(getattr(field.widget, "input_type", ""), "form-control")
            given = field.widget.attrs.get("class", "")
            if classes or given:
                field.widget.attrs["class"] = f"{classes} {given}".strip()
            if isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs.setdefault("value", "1")

    def answer(self, act: Callable[..., HttpResponse]) -> HttpResponse | None:
        """Return what `act` answers to the fields; None where they are refused, which the form then shows.

        What is not the person's to do, or not there any more, is no matter of the form.
        """
        if not self.is_valid():
            return None
        try:
            return act(**self.cleaned_data)
        except UserError as error:
            if error.status in (403, 404) and error.param not in self.fields:
                raise
            self.refuse(error)
            return None

    def answer_once(self, request: HttpRequest, act: Callable[..., HttpResponse]) -> HttpResponse | None:
        """As `answer`; the very same form sent again is answered as before."""
        return self.answer(lambda **fields: once(request, lambda: act(**fields)))

    def refuse(self, error: UserError) -> None:
        """Show a use case's refusal, at the field that it names."""
        self.add_error(error.param if error.param in self.fields else None, in_words(error.message))
        self.status = error.status
