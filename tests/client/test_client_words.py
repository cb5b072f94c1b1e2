"""What the client says in Chinese: every sentence, with the places that it fills in, and nothing that nobody says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from luthier import speaking
from luthier.cli.clicks_words import SAID

CLIENT = Path(speaking.__file__).parent
SPEAKS = {"_", "ngettext", "counted"}


def sentences() -> Iterator[str]:
    for path in CLIENT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKS:
                yield from (
                    part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )


def test_every_sentence_has_its_chinese_and_no_other() -> None:
    assert set(speaking.words()) == {*sentences(), *SAID}


def test_both_fill_in_the_same() -> None:
    for english, chinese in speaking.words().items():
        places = [sorted(re.findall(r"\{\w*(?:![rs])?\}|%\(\w+\)s", text)) for text in (english, chinese)]
        assert places[0] == places[1], english


def test_click_says_what_is_translated_of_it() -> None:
    source = "".join(path.read_text() for path in Path(click.__file__).parent.glob("*.py"))
    assert [text for text in SAID if f'"{text}"'.replace("\n\t", "\\n\\t") not in source] == []


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-hans"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW"}, "zh-hans"),
        ({}, "en"),
    ],
)
def test_the_locale_says_which(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str) -> None:
    for name in speaking.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert speaking.language() == language
    assert speaking._("no limit") == ("不限" if language == "zh-hans" else "no limit")
