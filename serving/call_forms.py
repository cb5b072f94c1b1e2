"""How model families write calls of functions, and the grammars that hold an answer to such calls.

Known are Hermes and Qwen, Llama 3.1 and later, and Mistral; by its chat template a model says which way is its own.
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from serving.faults import RequestError
from serving.messages import message
from wording import Message

WHITESPACE = r"[\x20\x0A\x0D\x09]{1,40}"
"""Bounded, so that a model cannot write blanks for ever; a pretty-printed object fits."""
MISTRAL_MARK = "[TOOL_CALLS]"


class Family(Enum):
    """Who writes calls alike."""

    HERMES = "hermes"
    LLAMA = "llama"
    MISTRAL = "mistral"


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function that was offered."""

    name: str
    parameters: str
    """Its arguments' JSON Schema, written out."""


@dataclass(frozen=True, kw_only=True)
class CallForm:
    """Which calls an answer may, or has to, consist of."""

    functions: tuple[Function, ...]
    must_call: bool
    """False: the answer may be text instead."""
    may_repeat: bool
    text: str | None = None
    """The JSON Schema of an answer without a call; None: any text."""

    def refusal(self, reason: Message) -> RequestError:
        """Return what the client is told when no answer can be held to these calls."""
        names = ", ".join(function.name for function in self.functions)
        return RequestError(
            message("function_schema_refused", name=names, reason=reason),
            param="tools",
            code="invalid_function_parameters",
        )

    def grammar(self, family: Family, *, mark: int | None) -> str:
        """Return the grammar in llguidance's Lark; `mark` is the token that begins Mistral's calls."""
        lines = [_start(self, family, mark), r"TEXT: /(\n|.)*/", 'opened[lazy]: TEXT "<tool_call>"', _tail(family)]
        if self.text is not None:
            lines[-1] = f"tail: {_json(self.text)}"
        calls = " | ".join(f"call{place}" for place in range(len(self.functions)))
        lines.append(f"call: {calls}")
        key = "parameters" if family is Family.LLAMA else "arguments"
        for place, function in enumerate(self.functions):
            opening = f'{{"name": {json.dumps(function.name, ensure_ascii=False)}, "{key}": '
            lines.append(f'call{place}: {_literal(opening)} args{place} "}}"')
            lines.append(f"args{place}: {_json(function.parameters)}")
        return "\n".join(lines)


def family_of(template: str) -> Family | None:
    """Return how a model of this chat template writes calls; None where that is not known."""
    if "<tool_call>" in template:
        return Family.HERMES
    if MISTRAL_MARK in template:
        return Family.MISTRAL
    return Family.LLAMA if "<|start_header_id|>" in template and '"parameters": ' in template else None


def _start(form: CallForm, family: Family, mark: int | None) -> str:
    if family is Family.HERMES:
        body = r'"\n" call "\n</tool_call>"'
        more = rf' ("\n<tool_call>" {body})*' if form.may_repeat else ""
        # Text may stand before a call, but not beside the form of a whole answer.
        opening = '"<tool_call>"' if form.must_call or form.text is not None else "opened"
        return f"start: {opening} {body}{more}" + ("" if form.must_call else " | tail")
    if family is Family.MISTRAL:
        begin = '"["' if mark is None else f'<[{mark}]> "["'
        more = ' (", " call)*' if form.may_repeat else ""
        calls = f'{begin} call{more} "]"'
    else:
        calls = "call"
    return f"start: {calls}" if form.must_call else f"start: {calls} | tail"


def _tail(family: Family) -> str:
    """Return the rule of an answer without a call: what begins as one is no text."""
    first = {Family.HERMES: "TEXT", Family.LLAMA: r'"" | /[^{](\n|.)*/', Family.MISTRAL: r'"" | /[^\[](\n|.)*/'}
    return f"tail: {first[family]}"


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json(schema: str) -> str:
    described: dict[str, Any] = json.loads(schema)
    return "%json " + json.dumps(described | {"x-guidance": {"whitespace_pattern": WHITESPACE}}, ensure_ascii=False)
