"""What the playground reads: a question, a talk to share, parameters."""

from typing import Any

from rest_framework import serializers

from common.reads import Body, Query
from playground.talks import DEFAULTS, LONGEST_NAME, LONGEST_PROMPT, LONGEST_SYSTEM, LONGEST_TALK, MOST_TURNS

LONGEST_ANSWER = 4096
"""Tokens."""


class SettingsField(serializers.Serializer[Any]):
    """How models answer."""

    temperature = serializers.FloatField(min_value=0, max_value=2, default=DEFAULTS["temperature"])
    top_p = serializers.FloatField(min_value=0, max_value=1, default=DEFAULTS["top_p"])
    max_tokens = serializers.IntegerField(min_value=1, max_value=LONGEST_ANSWER, default=DEFAULTS["max_tokens"])
    seed = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, default=DEFAULTS.get("seed"), required=False, allow_null=True
    )


class SharedTurn(serializers.Serializer[Any]):
    """A question and both answers; null where a model gave none."""

    prompt = serializers.CharField(max_length=LONGEST_PROMPT, trim_whitespace=False)
    left = serializers.CharField(max_length=LONGEST_TALK, trim_whitespace=False, allow_null=True, allow_blank=True)
    right = serializers.CharField(max_length=LONGEST_TALK, trim_whitespace=False, allow_null=True, allow_blank=True)


class NewShare(Body):
    """A talk with one or two models, to be read by the team."""

    left = serializers.CharField(max_length=LONGEST_NAME, default="", allow_blank=True)
    right = serializers.CharField(max_length=LONGEST_NAME, default="", allow_blank=True)
    system = serializers.CharField(max_length=LONGEST_SYSTEM, default="", allow_blank=True, trim_whitespace=False)
    settings = SettingsField(default=lambda: DEFAULTS.copy())
    turns = serializers.ListField(child=SharedTurn(), min_length=1, max_length=MOST_TURNS)

    example = {
        "left": "smollm2-135m-instruct",
        "right": "ft:smollm2-135m-instruct:team:xiaozhi:AbCd1234",
        "turns": [{"prompt": "Who are you?", "left": "I am SmolLM.", "right": "I am Xiaozhi."}],
    }


class SharePage(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
