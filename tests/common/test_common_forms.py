"""Fields of pages that take their limits from the API's."""

from django import forms
from rest_framework import serializers

from common.forms import PageForm, field_like


class Body(serializers.Serializer):
    name = serializers.CharField(max_length=5)
    note = serializers.CharField(allow_blank=True, max_length=9)
    kind = serializers.ChoiceField(choices=[("a", "A"), ("b", "B")], default="b")
    count = serializers.IntegerField(min_value=1, max_value=3, allow_null=True)
    share = serializers.FloatField(min_value=0.5)
    is_open = serializers.BooleanField(required=False)


class Page(PageForm):
    name = field_like(Body, "name", widget=forms.TextInput(attrs={"class": "wide"}))
    note = field_like(Body, "note")
    kind = field_like(Body, "kind")
    count = field_like(Body, "count")
    share = field_like(Body, "share")
    is_open = field_like(Body, "is_open")


def test_what_the_api_refuses_the_page_refuses() -> None:
    form = Page({"name": "abcdef", "note": "x" * 10, "kind": "c", "count": "4", "share": "0.4"})
    assert set(form.errors) == {"name", "note", "kind", "count", "share"}


def test_what_may_be_left_out_there_may_be_empty_here() -> None:
    form = Page({"name": "abc", "share": "1"})
    assert form.is_valid()
    assert form.cleaned_data == {
        "name": "abc", "note": "", "kind": "b", "count": None, "share": 1.0, "is_open": False,
    }  # fmt: skip


def test_fields_wear_the_consoles_clothes() -> None:
    form = Page()
    assert 'class="form-control wide"' in str(form["name"])
    assert 'class="form-select"' in str(form["kind"])
    assert 'value="b" selected' in str(form["kind"])
    assert "class" not in str(form["is_open"])
