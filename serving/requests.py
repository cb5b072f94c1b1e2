"""Reading a request: every value is checked, and an option that is not honoured is refused with the reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.faults import RequestError
from serving.sampling import Sampling

MAX_CHOICES = 8
MAX_STOPS = 4
MAX_DEPTH = 64
"""JSON nesting of a request body; tool schemas need some, attacks need thousands."""

_LABELS = {"user", "metadata", "safety_identifier", "prompt_cache_key"}
"""Identify the caller; by OpenAI's definition they do not change the answer."""
_COMMON = {
    "model", "stream", "stream_options", "n", "temperature", "top_p", "max_tokens", "stop", "seed",
    "presence_penalty", "frequency_penalty", "logit_bias", "user",
}  # fmt: skip
_CHAT = _COMMON | _LABELS | {
    "messages", "max_completion_tokens", "logprobs", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls",
    "response_format", "store", "service_tier", "modalities",
}  # fmt: skip
_TEXT = _COMMON | {"prompt", "logprobs", "echo", "suffix", "best_of"}


@dataclass(frozen=True, kw_only=True)
class AnswerRequest:
    """What both kinds of request have in common."""

    model: str
    sampling: Sampling
    max_tokens: int | None
    """None: whatever is left of the context."""
    num_choices: int
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool


@dataclass(frozen=True, kw_only=True)
class ChatRequest(AnswerRequest):
    """POST /v1/chat/completions."""

    messages: list[Any]
    tools: list[Any] | None


@dataclass(frozen=True, kw_only=True)
class TextRequest(AnswerRequest):
    """POST /v1/completions."""

    prompts: tuple[str, ...]


def read_json(body: bytes) -> dict[str, Any]:
    """Parse a request body; strict JSON, one object, bounded depth."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise RequestError(f"The request body is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError as error:
        raise RequestError(f"The request body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise RequestError("The request body must be one JSON object.")
    _check_depth(value)
    return value


def read_chat(value: dict[str, Any]) -> ChatRequest:
    """Check a chat request; RequestError names the parameter and what it may be."""
    _refuse_unknown(value, _CHAT)
    _refuse_chat_options(value)
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages must be a non-empty list.", param="messages")
    limits = [_whole(value, name, least=1) for name in ("max_completion_tokens", "max_tokens")]
    limit = limits[0] if limits[0] is not None else limits[1]
    return ChatRequest(
        messages=messages, tools=_tools(value), **_common(value, limit=limit, top_logprobs=_top_logprobs(value))
    )


def read_text(value: dict[str, Any]) -> TextRequest:
    """Check a plain completion request."""
    _refuse_unknown(value, _TEXT)
    for name in ("logprobs", "suffix"):
        if value.get(name) is not None:
            raise _unsupported(name, f"{name} is not supported on /v1/completions by this server.")
    if value.get("echo"):
        raise _unsupported("echo", "echo is not supported by this server: send the prompt and the answer together.")
    if value.get("best_of") not in (None, 1, value.get("n")):
        raise _unsupported("best_of", "best_of is not supported by this server; n gives several answers.")
    prompt = value.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not prompts or not all(isinstance(p, str) for p in prompts):
        raise RequestError("prompt must be a string or a list of strings.", param="prompt")
    limit = _whole(value, "max_tokens", least=1)
    request = TextRequest(prompts=tuple(prompts), **_common(value, limit=limit, top_logprobs=None))
    if len(prompts) * request.num_choices > MAX_CHOICES:
        raise RequestError(f"prompts times n may be at most {MAX_CHOICES}.", param="prompt")
    return request


def _common(value: dict[str, Any], *, limit: int | None, top_logprobs: int | None) -> dict[str, Any]:
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("you must provide a model parameter", param="model")
    stream = _flag(value, "stream")
    sampling = Sampling(
        temperature=_number(value, "temperature", 0, 2, default=1.0),
        top_p=_number(value, "top_p", 0, 1, default=1.0),
        presence_penalty=_number(value, "presence_penalty", -2, 2, default=0.0),
        frequency_penalty=_number(value, "frequency_penalty", -2, 2, default=0.0),
        logit_bias=_logit_bias(value),
        seed=_whole(value, "seed", least=-(2**63), most=2**63 - 1),
        top_logprobs=top_logprobs,
    )
    return {
        "model": model,
        "sampling": sampling,
        "max_tokens": limit,
        "num_choices": _whole(value, "n", least=1, most=MAX_CHOICES) or 1,
        "stops": _stops(value),
        "stream": stream,
        "include_usage": _include_usage(value, stream),
    }


def _refuse_unknown(value: dict[str, Any], known: set[str]) -> None:
    for name in value:
        if name not in known:
            raise RequestError(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")


def _refuse_chat_options(value: dict[str, Any]) -> None:
    format = value.get("response_format")
    if format is not None and (not isinstance(format, dict) or format.get("type") != "text"):
        raise _unsupported(
            "response_format",
            'response_format may only be {"type": "text"}: this server cannot guarantee that an answer is JSON or '
            "follows a schema. Ask for the form in the messages.",
        )
    if value.get("store"):
        raise _unsupported("store", "store is not supported: this server keeps no answers.")
    if value.get("service_tier") not in (None, "auto", "default"):
        raise _unsupported("service_tier", 'service_tier may only be "auto" or "default": this server has one tier.')
    if value.get("modalities") not in (None, ["text"]):
        raise _unsupported("modalities", 'modalities may only be ["text"].')
    if value.get("parallel_tool_calls") not in (None, True):
        raise _unsupported("parallel_tool_calls", "parallel_tool_calls cannot be switched off on this server.")
    if value.get("tool_choice") not in (None, "auto", "none"):
        raise _unsupported(
            "tool_choice", 'tool_choice may only be "auto" or "none": this server cannot force a tool call.'
        )


def _tools(value: dict[str, Any]) -> list[Any] | None:
    tools = value.get("tools")
    if tools is None:
        return None
    if not isinstance(tools, list) or not all(_is_function(tool) for tool in tools):
        raise RequestError('tools must be a list of {"type": "function", "function": {"name": …}}.', param="tools")
    return None if value.get("tool_choice") == "none" or not tools else tools


def _is_function(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _top_logprobs(value: dict[str, Any]) -> int | None:
    top = _whole(value, "top_logprobs", least=0, most=20)
    if _flag(value, "logprobs"):
        return top or 0
    if top is not None:
        raise RequestError("top_logprobs needs logprobs to be true.", param="top_logprobs")
    return None


def _stops(value: dict[str, Any]) -> tuple[str, ...]:
    stop = value.get("stop")
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > MAX_STOPS or not all(isinstance(s, str) and s for s in stops):
        raise RequestError(f"stop must be a string or a list of up to {MAX_STOPS} non-empty strings.", param="stop")
    return tuple(stops)


def _logit_bias(value: dict[str, Any]) -> Mapping[int, float]:
    bias = value.get("logit_bias")
    if bias is None:
        return {}
    if not isinstance(bias, dict) or len(bias) > 1024:
        raise RequestError("logit_bias must be an object of up to 1,024 token ids and numbers.", param="logit_bias")
    out = {}
    for token, amount in bias.items():
        if not (token.isascii() and token.isdigit() and len(token) < 10) or not _is_number(amount, -100, 100):
            raise RequestError(
                f"logit_bias[{token!r}] is {amount!r}; keys must be token ids, values -100 to 100.", param="logit_bias"
            )
        out[int(token)] = float(amount)
    return out


def _include_usage(value: dict[str, Any], stream: bool) -> bool:
    options = value.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise RequestError("stream_options is only allowed when stream is true.", param="stream_options")
    if not isinstance(options, dict) or not set(options) <= {"include_usage", "include_obfuscation"}:
        raise RequestError("stream_options may only hold include_usage.", param="stream_options")
    if options.get("include_obfuscation"):
        raise _unsupported("stream_options", "include_obfuscation is not supported by this server.")
    return _flag(options, "include_usage")


def _flag(value: dict[str, Any], name: str) -> bool:
    flag = value.get(name)
    if flag is None:
        return False
    if not isinstance(flag, bool):
        raise RequestError(f"{name} is {flag!r}; it must be true or false.", param=name)
    return flag


def _number(value: dict[str, Any], name: str, least: float, most: float, *, default: float) -> float:
    number = value.get(name)
    if number is None:
        return default
    if not _is_number(number, least, most):
        raise RequestError(f"{name} is {number!r}; it must be a number from {least} to {most}.", param=name)
    return float(number)


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _whole(value: dict[str, Any], name: str, *, least: int, most: int = 2**31 - 1) -> int | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise RequestError(f"{name} is {number!r}; it must be a whole number from {least} to {most}.", param=name)
    return number


def _unsupported(param: str, message: str) -> RequestError:
    return RequestError(message, param=param, code="unsupported_parameter")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise RequestError(f"The request body is nested more than {MAX_DEPTH} levels deep.")


def _inside(value: Any) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, (dict, list))]
