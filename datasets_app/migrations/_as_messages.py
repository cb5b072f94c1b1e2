"""Turns English sentences that were stored as text into codes with their parameters. Used by one migration alone."""

import re
from functools import lru_cache
from typing import Any

from datasets_app.migrations._old_sentences import SENTENCES

_PLACEHOLDER = re.compile(r"%\((\w+)\)[.\d]*([sdf])|(%%)")
_BETWEEN = re.compile(r"(?<=[.!?]) +(?=[^a-z\s])")
_LINE = re.compile(r"Line (\d+): (.*)", re.DOTALL)
_SOME = re.compile(r"([\d,]+) of ([\d,]+) rows cannot be learned from\. (.*?)(?: And ([\d,]+) more\.)?", re.DOTALL)
_NONE = re.compile(r"None of the ([\d,]+) rows can be learned from, all for the same reason\. (.*)", re.DOTALL)
_WORDS = ("kind", "shape", "before", "what", "cause", "keys", "names", "mark")
"""Parameters that may be sentences themselves."""
_COUNTS = ("characters", "columns", "bytes", "rows", "tokens")

Stored = dict[str, Any]
Pattern = tuple[re.Pattern[str], str, list[tuple[str, str]]]


@lru_cache(maxsize=20_000)
def message_of(text: str) -> Stored:
    """Return the message whose sentence, or whose sentence with the advice behind it, is `text`."""
    if (found := _known(text, _WITHIN_ONE)) is not None:
        return found
    for between in _BETWEEN.finditer(text):
        said, advice = _known(text[: between.start()], _WITHIN_ONE), _known(text[between.end() :], _WITHIN_ONE)
        if said is not None and advice is not None:
            return said | {"then": [advice]}
    return _known(text, _OVER_SEVERAL) or {"code": "as_written", "params": {"text": text}}


def verdict_of(text: str) -> Stored:
    """Return what the check of a file came to."""
    if found := _SOME.fullmatch(text):
        told = [_on_line(part) for part in re.split(r" (?=Line \d+: )", found[3])]
        told += [{"code": "and_more", "params": {"more": _count(found[4])}}] if found[4] else []
        params = {"faults": _count(found[1]), "total": _count(found[2])}
        return {"code": "rows_not_learned", "params": params, "then": told}
    if found := _NONE.fullmatch(text):
        return {"code": "no_row_learned", "params": {"total": _count(found[1])}, "then": [_on_line(found[2])]}
    return _on_line(text)


def _on_line(text: str) -> Stored:
    found = _LINE.fullmatch(text)
    said = message_of(found[2] if found else text)
    if found is None:
        return said
    then = {"then": said["then"]} if "then" in said else {}
    said = {"code": said["code"], "params": said["params"]}
    return {"code": "on_line", "params": {"line": int(found[1]), "message": said}, **then}


def _known(text: str, patterns: list[Pattern]) -> Stored | None:
    if (code := _EXACT.get(text)) is not None:
        return {"code": code, "params": {}}
    for pattern, code, names in patterns:
        if found := pattern.fullmatch(text):
            return {"code": code, "params": {name: _value(name, kind, found[name]) for name, kind in names}}
    return None


def _value(name: str, kind: str, text: str) -> Any:
    if kind == "d":
        return int(text)
    if kind == "f":
        return float(text)
    if name in _COUNTS and re.fullmatch(r"[\d,]+", text):
        return _count(text)
    return (_known(text, _WITHIN_ONE) or text) if name in _WORDS else text


def _count(text: str) -> int:
    return int(text.replace(",", ""))


def _pattern(sentence: str, text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the regular expression of a sentence, and its parameters with their kinds."""
    written, names, at = "", [], 0
    for found in _PLACEHOLDER.finditer(sentence):
        written += re.escape(sentence[at : found.start()])
        at = found.end()
        if found[3]:
            written += "%"
            continue
        part = {"d": r"\d+", "f": r"\d+(?:\.\d+)?", "s": text}[found[2]]
        written += f"(?P<{found[1]}>{part})"
        names.append((found[1], found[2]))
    return written + re.escape(sentence[at:]), names


def _patterns(text: str) -> list[Pattern]:
    """Return the sentences with parameters, those that say most first; `text` is what a parameter may be."""
    entries = [(code, *_pattern(sentence, text)) for code, sentence in SENTENCES if sentence not in _EXACT]
    entries.sort(key=lambda entry: -len(entry[1].replace(text, "")))
    return [(re.compile(written, re.DOTALL), code, names) for code, written, names in entries]


_EXACT = {sentence: code for code, sentence in SENTENCES if not _PLACEHOLDER.search(sentence)}
_WITHIN_ONE = _patterns(r"(?:(?![.!?] +[^a-z\s]).)+?")
"""A parameter ends where the sentence ends: otherwise one would swallow the sentences behind it."""
_OVER_SEVERAL = _patterns(".+?")
"""For what quotes a row: it may hold sentences itself."""
