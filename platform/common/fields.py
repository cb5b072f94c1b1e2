"""Fields that describe what JSON may hold and DRF has no field for."""

import math
from typing import Any

from rest_framework import serializers


class Either(serializers.Field):  # type: ignore[type-arg]
    """A value of one of several kinds."""

    def __init__(self, kinds: list[Any], **options: Any) -> None:
        super().__init__(**options)
        self.kinds = kinds

    def to_representation(self, value: Any) -> Any:
        return value


class Checked(serializers.Field):  # type: ignore[type-arg]
    """A value that a use case checks, and refuses in words of its own: `kind` describes what it accepts.

    `read` says what reaches the use case; without it everything does.
    """

    def __init__(
        self,
        kind: serializers.Field[Any, Any, Any, Any],
        *,
        read: serializers.Field[Any, Any, Any, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.kind, self.read = kind, read

    def to_internal_value(self, data: Any) -> Any:
        return data if self.read is None else self.read.run_validation(data)


class CheckedText(Checked):
    """A text that a use case checks; `most` characters of it are read."""

    def __init__(
        self,
        kind: serializers.Field[Any, Any, Any, Any],
        *,
        most: int | None = None,
        allow_blank: bool = False,
        **options: Any,
    ) -> None:
        read = serializers.CharField(max_length=most, allow_blank=allow_blank)
        super().__init__(kind, read=read, **options)


class PairsField(serializers.DictField):
    """An object of at most `most` pairs, whose keys have at most `longest_key` characters."""

    def __init__(self, *, most: int | None = None, longest_key: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.most, self.longest_key = most, longest_key


class OpenFloatField(serializers.FloatField):
    """A number in a range without its ends: above `above`, below `below`."""

    def __init__(self, *, above: float | None = None, below: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.above, self.below = above, below


def refusal_of_type(value: Any, field: Any) -> str | None:
    """Return what the field of one value says of JSON that has another type than it; None for its own type."""
    if isinstance(field, serializers.ChoiceField):
        is_same = isinstance(value, str) or type(value) in {type(choice) for choice in field.choices}
        return None if is_same else str(field.error_messages["invalid_choice"]).format(input=value)
    fits = next((fits for kind, fits in _TYPES if isinstance(field, kind)), None)
    return None if fits is None or fits(value) else str(field.error_messages["invalid"])


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # of digits that no float holds
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0


_TYPES = (
    (serializers.CharField, lambda value: isinstance(value, str)),
    (serializers.BooleanField, lambda value: isinstance(value, bool)),
    (serializers.IntegerField, _is_whole),
    (serializers.FloatField, _is_number),
)
