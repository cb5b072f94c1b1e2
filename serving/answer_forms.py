"""What form a request asks of its answer: any text, a JSON object, or what a JSON Schema describes."""

import json
import re
from dataclasses import dataclass
from typing import Any

from serving.faults import RequestError
from serving.limits import RESPONSE_FORMATS
from serving.messages import message
from serving.schemas import SchemaFault, check_schema, written
from wording import Message

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_KEYS = {"name", "description", "schema", "strict"}
ANY_OBJECT = '{"type":"object"}'


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """A JSON Schema, written out, that the whole answer is held to."""

    schema: str
    name: str = ""
    """What the request calls it; empty for any object."""

    def refusal(self, reason: Message) -> RequestError:
        """Return what the client is told when no answer can be held to the schema."""
        return _refused(self.name, reason)


def read_form(value: dict[str, Any]) -> AnswerForm | None:
    """Return what `response_format` asks for, None for text; RequestError in OpenAI's words."""
    asked = value.get("response_format")
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise RequestError(message("response_format_not_an_object"), param="response_format")
    kind = asked.get("type")
    if kind not in RESPONSE_FORMATS:
        said = message("response_format_unknown", value=repr(kind))
        raise RequestError(said, param="response_format.type", code="invalid_value")
    _refuse_others(asked, {"type", "json_schema"} if kind == "json_schema" else {"type"}, "response_format")
    if kind == "json_schema":
        return _described(asked.get("json_schema"))
    if kind == "json_object":
        _check_mentions_json(value.get("messages"))
        return AnswerForm(schema=ANY_OBJECT)
    return None


def _described(asked: Any) -> AnswerForm:
    where = "response_format.json_schema"
    if not isinstance(asked, dict):
        raise RequestError(message("parameter_missing", name=where), param=where, code="missing_required_parameter")
    _refuse_others(asked, _KEYS, where)
    name = asked.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RequestError(message("schema_name_invalid", name=f"{where}.name"), param=f"{where}.name")
    description, strict = asked.get("description"), asked.get("strict")
    if not isinstance(description, str | None):
        raise RequestError(message("not_a_text", name=f"{where}.description"), param=f"{where}.description")
    if not isinstance(strict, bool | None):
        raise RequestError(message("not_a_flag", name=f"{where}.strict", value=repr(strict)), param=f"{where}.strict")
    schema = asked.get("schema")
    if schema is None:
        return AnswerForm(schema=ANY_OBJECT, name=name)
    try:
        check_schema(schema, is_strict=bool(strict))
    except SchemaFault as fault:
        raise _refused(name, fault.reason) from fault
    return AnswerForm(schema=written(schema), name=name)


def _refuse_others(asked: dict[str, Any], known: set[str], where: str) -> None:
    for name in asked:
        if name not in known:
            raise RequestError(
                message("argument_unknown", name=f"{where}.{name}"), param=f"{where}.{name}", code="unknown_parameter"
            )


def _check_mentions_json(messages: Any) -> None:
    """Refuse as OpenAI does: a model that is not told of JSON may write blanks until its tokens are used up."""
    if "json" not in json.dumps(messages).lower():
        raise RequestError(message("json_not_mentioned"), param="messages")


def _refused(name: str, reason: Message) -> RequestError:
    return RequestError(message("response_format_schema_refused", name=name, reason=reason), param="response_format")
