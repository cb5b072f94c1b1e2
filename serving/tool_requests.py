"""Reading which functions a model may call, and whether it has to: `tools` and, as old scripts say it, `functions`."""

from dataclasses import dataclass
from typing import Any

from serving.answer_forms import ANY_OBJECT, AnswerForm
from serving.call_forms import CallForm, Function
from serving.faults import RequestError
from serving.limits import TOOL_CHOICES
from serving.messages import message
from serving.schemas import SchemaFault, check_schema, written

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
"""Of a function that names no parameters; OpenAI has it so."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The functions of a request."""

    tools: list[Any] | None = None
    """What the template shows; None: nothing may be called."""
    calls: CallForm | None = None
    """What the answer is held to; None: the model may write what it likes."""
    is_legacy: bool = False
    """Asked by `functions`: the answer says `function_call`."""


def read_offer(value: dict[str, Any], form: AnswerForm | None) -> Offer:
    """Check the fields that speak of functions; RequestError names the one that is wrong."""
    if value.get("functions") is not None or value.get("function_call") is not None:
        return _legacy(value, form)
    tools, choice = value.get("tools"), value.get("tool_choice")
    if tools is not None and (not isinstance(tools, list) or not all(map(_is_function, tools))):
        raise RequestError(message("tools_invalid"), param="tools")
    one_at_most = value.get("parallel_tool_calls") is False
    named = _named(choice, "tool_choice")
    if not tools:
        if choice not in (None, *TOOL_CHOICES[:2]):
            raise RequestError(message("tool_choice_without_tools"), param="tool_choice")
        return Offer()
    functions = [tool["function"] for tool in tools]
    _check_strict(functions, "tools[%d].function.parameters")
    if choice == "none":
        return Offer()
    calls = _calls(functions, named=named, must=choice == "required", repeat=not one_at_most, form=form)
    return Offer(tools=tools, calls=calls)


def with_tool_calls(messages: list[Any]) -> list[Any]:
    """Return a talk that says `function_call` and `function` as one with tools: the templates know these."""
    out: list[Any] = []
    for number, turn in enumerate(messages):
        call = turn.get("function_call") if isinstance(turn, dict) else None
        if isinstance(call, dict):
            rest = {key: value for key, value in turn.items() if key != "function_call"}
            out.append(rest | {"tool_calls": [{"id": f"call_{number}", "type": "function", "function": call}]})
        elif isinstance(turn, dict) and turn.get("role") == "function":
            out.append({**turn, "role": "tool", "tool_call_id": f"call_{number - 1}"})
        else:
            out.append(turn)
    return out


def _legacy(value: dict[str, Any], form: AnswerForm | None) -> Offer:
    functions, choice = value.get("functions"), value.get("function_call")
    for name in ("tools", "tool_choice"):
        if value.get(name) is not None:
            raise RequestError(message("functions_beside_tools", name=name), param=name)
    if choice not in (None, "none", "auto") and not isinstance(choice, dict):
        raise RequestError(message("function_call_invalid"), param="function_call")
    named = _named({"type": "function", "function": choice} if isinstance(choice, dict) else None, "function_call")
    tools = [{"type": "function", "function": one} for one in functions] if isinstance(functions, list) else []
    if not tools or not all(map(_is_function, tools)):
        raise RequestError(message("functions_invalid"), param="functions")
    if choice == "none":
        return Offer(is_legacy=True)
    calls = _calls([tool["function"] for tool in tools], named=named, must=False, repeat=False, form=form)
    return Offer(tools=tools, calls=calls, is_legacy=True)


def _is_function(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return False
    description, strict = function.get("description"), function.get("strict")
    return isinstance(description, str | None) and isinstance(strict, bool | None)


def _named(choice: Any, param: str) -> str | None:
    """Return the function that a choice names; None for a choice in a word."""
    if choice is None or (isinstance(choice, str) and choice in TOOL_CHOICES):
        return None
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or set(function) != {"name"}:
        is_new = param == "tool_choice"
        raise RequestError(message("tool_choice_invalid") if is_new else message("function_call_invalid"), param=param)
    return str(function["name"])


def _check_strict(functions: list[dict[str, Any]], param: str) -> None:
    for number, function in enumerate(functions):
        if function.get("strict"):
            _schema(function, is_strict=True, param=param % number)


def _calls(
    functions: list[dict[str, Any]], *, named: str | None, must: bool, repeat: bool, form: AnswerForm | None
) -> CallForm | None:
    chosen = [number for number, function in enumerate(functions) if named in (None, function["name"])]
    if not chosen:
        raise RequestError(message("tool_choice_unknown", name=named or ""), param="tool_choice")
    must = must or named is not None
    has_rules = any(function.get("strict") for function in functions)
    if not (must or has_rules or form is not None or not repeat):
        return None
    return CallForm(
        functions=tuple(
            Function(
                name=functions[number]["name"],
                parameters=_schema(functions[number], is_strict=bool(functions[number].get("strict")), param="tools")
                if must or functions[number].get("strict")
                else ANY_OBJECT,
            )
            for number in chosen
        ),
        must_call=must,
        may_repeat=repeat and named is None,
        text=None if form is None else form.schema,
    )


def _schema(function: dict[str, Any], *, is_strict: bool, param: str) -> str:
    schema = function.get("parameters")
    if schema is None:
        schema = NO_ARGUMENTS | ({"required": []} if is_strict else {})
    try:
        check_schema(schema, is_strict=is_strict)
    except SchemaFault as fault:
        raise RequestError(
            message("function_schema_refused", name=function["name"], reason=fault.reason),
            param=param,
            code="invalid_function_parameters",
        ) from fault
    return written(schema)
