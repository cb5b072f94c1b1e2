"""What a question to a model may hold, as OpenAI names it.

The engine reads it (`serving.requests`), and refuses in its own words what is not described here: the gateway passes on
all but the model's name.
"""

from typing import Any

from rest_framework import serializers

from common.fields import Either, PairsField
from common.reads import Body
from serving.limits import (
    BIAS,
    MAX_BIASES,
    MAX_STOPS,
    MODALITIES,
    NUMBERS,
    RESPONSE_FORMATS,
    SERVICE_TIERS,
    TOOL_CHOICES,
    WHOLE_NUMBERS,
)


def _text(**options: Any) -> serializers.CharField:
    return serializers.CharField(trim_whitespace=False, **options)


def _number(name: str) -> serializers.FloatField:
    least, most = NUMBERS[name]
    return serializers.FloatField(min_value=least, max_value=most, **_OPTION)


def _whole(name: str) -> serializers.IntegerField:
    least, most = WHOLE_NUMBERS[name]
    return serializers.IntegerField(min_value=least, max_value=most, **_OPTION)


def _flag() -> serializers.BooleanField:
    return serializers.BooleanField(**_OPTION)


def _one_of(*choices: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=choices, **_OPTION)


def _label() -> serializers.JSONField:
    """Return the field of what identifies the caller and does not change the answer."""
    return serializers.JSONField(**_OPTION)


_OPTION: dict[str, Any] = {"required": False, "allow_null": True}


class StreamOptions(serializers.Serializer[Any]):
    """What a stream brings besides the answer."""

    include_usage = _flag()
    include_obfuscation = _one_of(False)


class JsonSchemaFormat(serializers.Serializer[Any]):
    """A JSON Schema that an answer is held to."""

    name = _text(max_length=64)
    description = _text(allow_blank=True, **_OPTION)
    schema = serializers.JSONField(**_OPTION)
    """With `strict`, every property is required and `additionalProperties` is false, as OpenAI has it."""
    strict = _flag()


class ResponseFormat(serializers.Serializer[Any]):
    """The form of an answer, which is kept to while it is made: text, any JSON object, or what a JSON Schema says."""

    type = serializers.ChoiceField(choices=RESPONSE_FORMATS)
    json_schema = JsonSchemaFormat(required=False)
    """With the type of the same name."""


class OfferedFunction(serializers.Serializer[Any]):
    """A function that the model may call."""

    name = _text(allow_blank=True)
    description = _text(allow_blank=True, **_OPTION)
    parameters = serializers.JSONField(**_OPTION)
    strict = _flag()


class OfferedTool(serializers.Serializer[Any]):
    """A tool that the model may call."""

    type = serializers.ChoiceField(choices=["function"])
    function = OfferedFunction()


class ChosenName(serializers.Serializer[Any]):
    """The name of a function that has to be called."""

    name = _text(allow_blank=True)


class ChosenTool(serializers.Serializer[Any]):
    """A function that has to be called."""

    type = serializers.ChoiceField(choices=["function"])
    function = ChosenName()


class Asked(Body):
    """What both kinds of question have in common."""

    model = _text()
    stream = _flag()
    stream_options = StreamOptions(**_OPTION)
    """Only beside `stream`."""
    n = _whole("n")
    temperature = _number("temperature")
    top_p = _number("top_p")
    max_tokens = _whole("max_tokens")
    stop = Either([_text(), serializers.ListField(child=_text(), max_length=MAX_STOPS)], **_OPTION)
    seed = _whole("seed")
    presence_penalty = _number("presence_penalty")
    frequency_penalty = _number("frequency_penalty")
    logit_bias = PairsField(
        child=serializers.FloatField(min_value=BIAS[0], max_value=BIAS[1]), most=MAX_BIASES, **_OPTION
    )
    """By the ids of tokens."""
    user = _label()


class NewChatCompletion(Asked):
    """Messages to answer."""

    messages = serializers.ListField(child=serializers.JSONField(), min_length=1)
    max_completion_tokens = _whole("max_completion_tokens")
    logprobs = _flag()
    top_logprobs = _whole("top_logprobs")
    """Only beside `logprobs`."""
    tools = serializers.ListField(child=OfferedTool(), **_OPTION)
    tool_choice = Either([serializers.ChoiceField(choices=TOOL_CHOICES), ChosenTool()], **_OPTION)
    parallel_tool_calls = _flag()
    functions = serializers.ListField(child=OfferedFunction(), min_length=1, **_OPTION)
    """The older form of `tools`."""
    function_call = Either([serializers.ChoiceField(choices=TOOL_CHOICES[:2]), ChosenName()], **_OPTION)
    response_format = ResponseFormat(**_OPTION)
    store = _one_of(False)
    service_tier = _one_of(*SERVICE_TIERS)
    modalities = serializers.ListField(child=_one_of(*MODALITIES), min_length=1, max_length=1, **_OPTION)
    metadata = _label()
    safety_identifier = _label()
    prompt_cache_key = _label()

    example = {"model": "xiaozhi", "messages": [{"role": "user", "content": "你是谁？"}], "max_tokens": 100}


class NewCompletion(Asked):
    """A text to continue."""

    prompt = Either([_text(allow_blank=True), serializers.ListField(child=_text(allow_blank=True), min_length=1)])
    """Prompts times `n` are at most MAX_CHOICES."""
    logprobs = serializers.ChoiceField(choices=(), **_OPTION)
    suffix = serializers.ChoiceField(choices=(), **_OPTION)
    echo = _one_of(False)
    best_of = _whole("best_of")
    """1, or the same as `n`."""

    example = {"model": "xiaozhi", "prompt": "从前", "max_tokens": 100}
