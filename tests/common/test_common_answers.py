import types
from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar

import pytest
from django.db.models import TextChoices
from rest_framework import serializers

from common.answers import answers, declared
from common.typed_serializers import field_of, serializer_of
from tests.answers import faults_of

T = TypeVar("T")


class State(TextChoices):
    OPEN = "open", "Open to everybody"
    SHUT = "shut", "Shut"


class Part(TypedDict):
    """Something small."""

    size: int


class Whole(TypedDict):
    """Something large."""

    name: str
    """What people call it."""
    kind: Literal["whole", "half"]
    state: Annotated[str, State]
    share: float | None
    is_open: bool
    parts: list[Part]
    counts: dict[str, int]
    extra: NotRequired[Any]


class Page(TypedDict, Generic[T]):
    data: list[T]
    first: T | None


class Pages(Page[Part]):
    """A page with more beside it."""

    total: int


WHOLE: dict[str, Any] = {
    "name": "", "kind": "whole", "state": "open", "share": None, "is_open": True, "parts": [{"size": 1}],
    "counts": {"a": 1},
}  # fmt: skip


def faults(value: Any, kind: Any = Whole) -> list[str]:
    return list(faults_of(value, field_of(kind)))


class TestSerializer:
    def test_is_named_and_described_like_the_type(self) -> None:
        made = serializer_of(Whole)
        assert made.__name__ == "Whole"
        assert made.__doc__ == "Something large."
        assert made().fields["name"].help_text == "What people call it."
        assert serializer_of(Page[Part]).__name__ == "PartPage"

    def test_has_a_field_for_every_key(self) -> None:
        fields = serializer_of(Whole)().fields
        assert {name: type(field) for name, field in fields.items()} == {
            "name": serializers.CharField,
            "kind": serializers.ChoiceField,
            "state": serializers.ChoiceField,
            "share": serializers.FloatField,
            "is_open": serializers.BooleanField,
            "parts": serializers.ListField,
            "counts": serializers.DictField,
            "extra": serializers.JSONField,
        }
        assert [name for name, field in fields.items() if not field.required] == ["extra"]
        assert [name for name, field in fields.items() if field.allow_null] == ["share", "extra"]

    def test_is_one_for_one_type(self) -> None:
        assert serializer_of(Page[Part]) is serializer_of(Page[Part])

    def test_refuses_what_json_does_not_have(self) -> None:
        with pytest.raises(TypeError):
            field_of(bytes)

    def test_takes_what_it_describes(self) -> None:
        made = serializer_of(Whole)(data=WHOLE)
        assert made.is_valid(), made.errors


class TestFaults:
    def test_none_where_all_is_as_declared(self) -> None:
        assert faults(WHOLE) == []
        assert faults({**WHOLE, "share": 1, "extra": None}) == []

    @pytest.mark.parametrize(
        ("key", "value", "fault"),
        [
            ("name", None, ".name is null, not of CharField"),
            ("name", 7, ".name is 7, not of CharField"),
            ("kind", "quarter", '.kind is "quarter", not of ChoiceField'),
            ("state", "ajar", '.state is "ajar", not of ChoiceField'),
            ("share", "0.5", '.share is "0.5", not of FloatField'),
            ("share", True, ".share is true, not of FloatField"),
            ("is_open", 1, ".is_open is 1, not of BooleanField"),
            ("parts", {}, ".parts is {}, not of ListField"),
            ("parts", [{"size": 1.5}], ".parts[0].size is 1.5, not of IntegerField"),
            ("counts", {"a": None}, ".counts.a is null, not of IntegerField"),
            ("novelty", 1, ".novelty is not declared"),
        ],
    )
    def test_names_what_is_not_declared(self, key: str, value: Any, fault: str) -> None:
        assert faults({**WHOLE, key: value}) == [fault]

    def test_names_what_is_missing(self) -> None:
        assert faults({key: value for key, value in WHOLE.items() if key != "counts"}) == [".counts is missing"]

    def test_of_generic_types_and_of_either(self) -> None:
        assert faults({"data": [{"size": 1}], "first": None, "total": 1}, Pages) == []
        assert faults({"data": [{}], "first": {"size": 1}}, Page[Part]) == [".data[0].size is missing"]
        assert faults({"size": 1}, Whole | Part) == []
        assert faults(True, int | str) == [" is true, not of IntegerField"]
        assert faults(0, types.NoneType) == [" is 0, not of ChoiceField"]


def test_a_view_declares_by_method() -> None:
    class View:
        @answers(Whole, status=201)
        def post(self) -> None: ...

        def get(self) -> None: ...

    def entry() -> None: ...

    entry.cls = View  # type: ignore[attr-defined] # as Django's as_view leaves it
    found = declared(entry, "POST")
    assert found is not None
    assert (found.body, found.status, type(found.serializer)) == (Whole, 201, serializer_of(Whole))
    assert declared(entry, "GET") is None
    assert declared(entry, "DELETE") is None
