"""Forms of pages: what a field may hold is the API's, what is wrong is said at the field."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from rest_framework import serializers
from rest_framework.fields import empty

from common.errors import UserError
from common.fields import Checked
from common.idempotency import once
from common.quick_widgets import QuickRenderer
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
    """Return the form's field for what the API reads as `name`, with the same limits and choices.

    Of a list or an object it is the field of one text of it.
    """
    field: Any = body().fields[name]
    read = field.kind if isinstance(field, Checked) else getattr(field, "child", field)
    kind = next(of_form for of_api, of_form in _KINDS if isinstance(read, of_api))
    limits = {limit: value for limit in _LIMITS if (value := getattr(read, limit, None)) is not None}
    if isinstance(read, serializers.ChoiceField):
        limits |= {"choices": list(read.choices.items()), "empty_value": None if field.required else field.default}
    if field.default is not empty:
        limits["initial"] = field.default
    may_be_empty = not field.required or field.allow_null or getattr(read, "allow_blank", False)
    return kind(**{"required": not may_be_empty and kind is not forms.BooleanField, **limits, **options})


def refused(request: HttpRequest, form: "PageForm", page: str) -> HttpResponse:
    """Go back to a page that does not draw the form's fields, which says what was refused."""
    for sentence in form.refusals:
        messages.error(request, sentence)
    return redirect(page)


class PageField(BoundField):
    """A field in the console's clothes."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        attrs = dict(super().build_widget_attrs(attrs, widget))
        widget = widget or self.field.widget
        classes = _CLASSES.get(getattr(widget, "input_type", ""), "form-control")
        if classes := f"{classes} {widget.attrs.get('class', '')}".strip():
            attrs["class"] = classes
        if isinstance(widget, forms.CheckboxInput):
            attrs["value"] = "1"
        return attrs


class PageForm(forms.Form):
    """A form that `common/_field.html` draws. Its fields bear the names by which use cases refuse them."""

    bound_field_class = PageField
    default_renderer = QuickRenderer
    status = 400
    """Of the page that shows what was refused."""
    names: Mapping[str, str] = {}
    """Fields that a use case calls otherwise, by what it calls them."""

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **{"auto_id": "%s", **options})

    def answer(self, act: Callable[..., HttpResponse]) -> HttpResponse | None:
        """Return what `act` answers to the fields; None where they are refused, which the form then shows.

        A lack of permission, or an object that is gone, is not the form's error and is raised.
        """
        if not self.is_valid():
            return None
        try:
            return act(**self.cleaned_data)
        except UserError as error:
            if error.status in (403, 404) and self._field_of(error) is None:
                raise
            self.refuse(error)
            return None

    def answer_once(self, request: HttpRequest, act: Callable[..., HttpResponse]) -> HttpResponse | None:
        """As `answer`; the very same form sent again is answered as before."""
        return self.answer(lambda **fields: once(request, lambda: act(**fields)))

    def sent(self) -> dict[str, Any]:
        """Return the fields of a button, which nobody fills in; one that is refused is left out."""
        self.is_valid()
        return self.cleaned_data

    @property
    def refusals(self) -> list[str]:
        """Return what is refused, for a page that does not draw the fields."""
        return [str(sentence) for sentences in self.errors.values() for sentence in sentences]

    def refuse(self, error: UserError) -> None:
        """Show a use case's refusal, at the field that it names."""
        self.add_error(self._field_of(error), in_words(error.message))
        self.status = error.status

    def _field_of(self, error: UserError) -> str | None:
        name = self.names.get(error.param or "", error.param)
        return name if name in self.fields else None
