"""Reading a request: every value is checked, and an option that is not honoured is refused with the reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.answer_forms import AnswerForm, read_form
from serving.call_forms import CallForm
from serving.faults import RequestError
from serving.limits import (
    BIAS,
    MAX_BIASES,
    MAX_CHOICES,
    MAX_STOPS,
    MODALITIES,
    NUMBERS,
    SERVICE_TIERS,
    WHOLE_NUMBERS,
)
from serving.messages import message
from serving.sampling import Sampling
from serving.tool_requests import read_offer, with_tool_calls
from wording import Message, as_written

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
    "response_format", "store", "functions", "function_call", "service_tier", "modalities",
}  # fmt: skip
_TEXT = _COMMON | {"prompt", "logprobs", "echo", "suffix", "best_of"}


@dataclass(frozen=True, kw_only=True)
class AnswerRequest:
    """What both kinds of request have in common."""

    model: str
    public_name: str = ""
    """What the gateway calls the model; empty where there is no gateway."""
    is_background: bool = False
    """Nobody waits for the answer."""
    sampling: Sampling
    max_tokens: int | None
    """None: whatever is left of the context."""
    num_choices: int
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool

    @property
    def shown_name(self) -> str:
        """The name that the answer calls its model by."""
        return self.public_name or self.model


@dataclass(frozen=True, kw_only=True)
class ChatRequest(AnswerRequest):
    """POST /v1/chat/completions."""

    messages: list[Any]
    tools: list[Any] | None
    form: AnswerForm | CallForm | None = None
    """What the answer is held to; None for free text."""
    is_legacy: bool = False
    """Asked by `functions`: the answer says `function_call`."""


@dataclass(frozen=True, kw_only=True)
class TextRequest(AnswerRequest):
    """POST /v1/completions."""

    prompts: tuple[str, ...]


def read_json(body: bytes) -> dict[str, Any]:
    """Parse a request body; strict JSON, one object, bounded depth."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise RequestError(message("replica_body_too_deep", levels=MAX_DEPTH)) from None
    except ValueError as error:
        raise RequestError(message("replica_body_not_json", reason=as_written(error))) from None
    if not isinstance(value, dict):
        raise RequestError(message("replica_body_not_an_object"))
    _check_depth(value)
    return value


def read_chat(value: dict[str, Any]) -> ChatRequest:
    """Check a chat request; RequestError names the parameter and what it may be."""
    _refuse_unknown(value, _CHAT)
    _refuse_chat_options(value)
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError(message("messages_missing"), param="messages")
    limits = [_whole(value, name) for name in ("max_completion_tokens", "max_tokens")]
    limit = limits[0] if limits[0] is not None else limits[1]
    _flag(value, "parallel_tool_calls")
    form = read_form(value)
    offer = read_offer(value, form)
    return ChatRequest(
        messages=with_tool_calls(messages) if offer.is_legacy else messages,
        tools=offer.tools,
        form=offer.calls or form,
        is_legacy=offer.is_legacy,
        **_common(value, limit=limit, top_logprobs=_top_logprobs(value)),
    )


def read_text(value: dict[str, Any]) -> TextRequest:
    """Check a plain completion request."""
    _refuse_unknown(value, _TEXT)
    for name in ("logprobs", "suffix"):
        if value.get(name) is not None:
            raise _unsupported(name, message("text_option_unsupported", name=name))
    if _flag(value, "echo"):
        raise _unsupported("echo", message("echo_unsupported"))
    if _whole(value, "best_of") not in (None, 1, value.get("n")):
        raise _unsupported("best_of", message("best_of_unsupported"))
    prompt = value.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not prompts or not all(isinstance(p, str) for p in prompts):
        raise RequestError(message("prompt_invalid"), param="prompt")
    limit = _whole(value, "max_tokens")
    request = TextRequest(prompts=tuple(prompts), **_common(value, limit=limit, top_logprobs=None))
    if len(prompts) * request.num_choices > MAX_CHOICES:
        raise RequestError(message("too_many_prompts", choices=MAX_CHOICES), param="prompt")
    return request


def _common(value: dict[str, Any], *, limit: int | None, top_logprobs: int | None) -> dict[str, Any]:
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError(message("model_parameter_missing"), param="model")
    stream = _flag(value, "stream")
    sampling = Sampling(
        temperature=_number(value, "temperature", default=1.0),
        top_p=_number(value, "top_p", default=1.0),
        presence_penalty=_number(value, "presence_penalty", default=0.0),
        frequency_penalty=_number(value, "frequency_penalty", default=0.0),
        logit_bias=_logit_bias(value),
        seed=_whole(value, "seed"),
        top_logprobs=top_logprobs,
    )
    return {
        "model": model,
        "sampling": sampling,
        "max_tokens": limit,
        "num_choices": _whole(value, "n") or 1,
        "stops": _stops(value),
        "stream": stream,
        "include_usage": _include_usage(value, stream),
    }


def _refuse_unknown(value: dict[str, Any], known: set[str]) -> None:
    for name in value:
        if name not in known:
            raise RequestError(message("argument_unknown", name=name), param=name, code="unknown_parameter")


def _refuse_chat_options(value: dict[str, Any]) -> None:
    if _flag(value, "store"):
        raise _unsupported("store", message("store_unsupported"))
    if value.get("service_tier") not in (None, *SERVICE_TIERS):
        raise _unsupported("service_tier", message("service_tier_unsupported"))
    if value.get("modalities") not in (None, MODALITIES):
        raise _unsupported("modalities", message("modalities_unsupported"))


def _top_logprobs(value: dict[str, Any]) -> int | None:
    top = _whole(value, "top_logprobs")
    if _flag(value, "logprobs"):
        return top or 0
    if top is not None:
        raise RequestError(message("top_logprobs_without_logprobs"), param="top_logprobs")
    return None


def _stops(value: dict[str, Any]) -> tuple[str, ...]:
    stop = value.get("stop")
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > MAX_STOPS or not all(isinstance(s, str) and s for s in stops):
        raise RequestError(message("stop_invalid", most=MAX_STOPS), param="stop")
    return tuple(stops)


def _logit_bias(value: dict[str, Any]) -> Mapping[int, float]:
    bias = value.get("logit_bias")
    if bias is None:
        return {}
    if not isinstance(bias, dict) or len(bias) > MAX_BIASES:
        raise RequestError(message("logit_bias_invalid"), param="logit_bias")
    out = {}
    for token, amount in bias.items():
        if not (token.isascii() and token.isdigit() and len(token) < 10) or not _is_number(amount, *BIAS):
            raise RequestError(
                message("logit_bias_entry_invalid", token=repr(token), amount=repr(amount)), param="logit_bias"
            )
        out[int(token)] = float(amount)
    return out


def _include_usage(value: dict[str, Any], stream: bool) -> bool:
    options = value.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise RequestError(message("stream_options_without_stream"), param="stream_options")
    if not isinstance(options, dict) or not set(options) <= {"include_usage", "include_obfuscation"}:
        raise RequestError(message("stream_options_invalid"), param="stream_options")
    if _flag(options, "include_obfuscation"):
        raise _unsupported("stream_options", message("obfuscation_unsupported"))
    return _flag(options, "include_usage")


def _flag(value: dict[str, Any], name: str) -> bool:
    flag = value.get(name)
    if flag is None:
        return False
    if not isinstance(flag, bool):
        raise RequestError(message("not_a_flag", name=name, value=repr(flag)), param=name)
    return flag


def _number(value: dict[str, Any], name: str, *, default: float) -> float:
    number = value.get(name)
    least, most = NUMBERS[name]
    if number is None:
        return default
    if not _is_number(number, least, most):
        raise RequestError(
            message("number_out_of_range", name=name, value=repr(number), least=least, most=most), param=name
        )
    return float(number)


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _whole(value: dict[str, Any], name: str) -> int | None:
    number = value.get(name)
    least, most = WHOLE_NUMBERS[name]
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise RequestError(
            message("whole_number_out_of_range", name=name, value=repr(number), least=least, most=most), param=name
        )
    return number


def _unsupported(param: str, reason: Message) -> RequestError:
    return RequestError(reason, param=param, code="unsupported_parameter")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise RequestError(message("replica_body_too_deep", levels=MAX_DEPTH))


def _inside(value: Any) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, (dict, list))]
