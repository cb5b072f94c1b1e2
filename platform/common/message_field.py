"""A column that holds one message as code and parameters."""

from typing import Any

from django.db import models

from wording import Message


class MessageField(models.JSONField):
    """A column of one `wording.Message`, or NULL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"null": True, "blank": True, **kwargs})

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Message | None:
        body = super().from_db_value(value, expression, connection)
        return None if body is None else Message.restored(body)

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(value.stored() if isinstance(value, Message) else value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(value.stored() if isinstance(value, Message) else value, connection, prepared)

    def value_to_string(self, obj: models.Model) -> Any:
        value = self.value_from_object(obj)
        return value.stored() if isinstance(value, Message) else value

    def to_python(self, value: Any) -> Any:
        return Message.restored(value) if isinstance(value, dict) and "code" in value else value
