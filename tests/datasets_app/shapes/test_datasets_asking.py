"""What is worth a question among the things that nothing reads, and what is only named."""

import json
from typing import Any

import pytest

from chat import parse_row
from datasets_app.checking.quick import _Beside
from datasets_app.shapes.asking import Said, kind_of
from datasets_app.shapes.unused import BESIDE
from tests.datasets_app.dataset_makers import checked, lines_of, row, rows

LONG = "The violin was made in Cremona in the year 1715 by Antonio Stradivari, and is still played."
CHINESE = "这把小提琴由斯特拉迪瓦里于一七一五年在克雷莫纳制作。"
SAID = Said(parse_row(row("What is a lute?\nTell me more.", "A lute is an instrument.")))


def kind(key: str, value: Any, said: Said = SAID) -> str | None:
    found = kind_of(key, value, said)
    return found[0] if found is not None else None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("remarks", LONG), ("remarks", CHINESE), ("source", LONG), ("metadata", {"about": {"it": LONG}}),
        ("category", CHINESE), ("score", LONG), ("documents", ["x", LONG]), ("meta", f'{{"about": "{LONG}"}}'),
        ("context", "Made in Cremona"), ("Context", "Made in Cremona"), ("背景", "制作于克雷莫纳"),
        ("reasoning_content", "Let me think."), ("original_question", "Who made it?"), ("meta", {"note": "Be brief"}),
        ("meta", "{'about': None, 'it': '" + LONG + "'}"), ("remarks", f"[{LONG}]"),
    ],
)  # fmt: skip
def test_text(key: str, value: Any) -> None:
    assert kind(key, value) == "text"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "0e8400e2-9b41-d4a7-1644-665544000000"), ("prompt_id", "a" * 64),
        ("source", "https://example.com/" + "a" * 90),
        ("score", 0.5), ("date", "Fri, 27 Nov 2026 22:40:00 +0000"), ("category", "Coding & Debugging"),
        ("license", "Creative Commons Attribution-ShareAlike 4.0 International"), ("title", "The Art of the Fugue"),
        ("context", "none"), ("context", "12 3.5"), ("tags", ["a b", "c d"]), ("numbers", " ".join(["3.14159"] * 20)),
        ("meta", "{'source': 'Arxiv', 'date': datetime.datetime(2023, 4, 27, 0, 0), 'version': '1.0', 'author': None}"),
        ("context", "well-known"), ("主题", "音乐"), ("embedding", [0.1] * 500),
        ("metadata", {"model": "gpt-4", "page": 3}),
    ],
)  # fmt: skip
def test_only_named(key: str, value: Any) -> None:
    assert kind(key, value) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prompt", "What is a lute?"),  # stands beside the messages in many sets
        ("text", "Below is an instruction.\n\nWhat is a lute?\nTell me more.\n### Response:\nA lute is an instrument."),
    ],
)
def test_what_the_conversation_says_anyway_is_only_named(key: str, value: str) -> None:
    assert kind(key, value) is None
    assert kind(key, value, Said()) == "text"


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("weight", 0, "mask"), ("weight", 0.5, "mask"), ("loss", False, "mask"), ("train", "false", "mask"),
        ("masked", True, "mask"), ("mask", [0, 1], "mask"), ("loss_mask", [1, 1], "mask"), ("weights", [1, 0], "mask"),
        ("weight", 1, None), ("train", True, None), ("masked", False, None), ("loss", 0.53, None),
        ("label", "thumbs_sideways", "verdict"), ("label", 3, "verdict"), ("is_correct", False, "verdict"),
        ("feedback", "ok?", "verdict"),
        ("feedback", "A fine answer, well put", "text"), ("label", "good", None),
        ("is_correct", True, None), ("label", "A lute is an instrument.", None),
    ],
)  # fmt: skip
def test_masks_and_verdicts(key: str, value: Any, found: str | None) -> None:
    assert kind(key, value) == found


@pytest.mark.parametrize(
    "label", [-1, "-1", "1.0", -0.0, "thumbs_down", "Thumbs down", "👎", "dislike", "差", "thumbs_up"]
)
@pytest.mark.parametrize("shape", ["messages", "conversations"])
def test_known_words_for_a_good_answer_make_preference_data(label: str, shape: str) -> None:
    turns = row()["messages"]
    if shape == "conversations":
        turns = [{"from": turn["role"], "value": turn["content"]} for turn in turns]
    assert set(checked(lines_of(*[{shape: turns, "label": label}] * 12)).kinds) == {"preference_data"}
    assert set(checked(lines_of(*[{shape: turns, "kto_tag": True}] * 12)).kinds) == {"preference_data"}


@pytest.mark.parametrize("beside", [
    {"source": LONG}, {"metadata": {"a": CHINESE}}, {"category": "x" * 50}, {"id": 1},
    {"meta": {"a": "b c", "d": ["e"]}}, {"tags": [LONG.replace(" ", "\t")]}, {"score": None}, {"lang": ""},
])  # fmt: skip
def test_the_quick_way_finds_the_same(beside: dict[str, Any]) -> None:
    """`checked` compares it with the general way."""
    report = checked(lines_of(*({**one, **beside} for one in rows(30)), *rows(3)))
    (name,) = beside
    assert report.unused.counts == ({name: 30} if beside[name] else {})
    assert set(report.unused.asked) == ({name} if name in ("source", "metadata", "tags") else set())


def test_keys_that_only_later_blocks_have_are_counted() -> None:
    report = checked(lines_of(*rows(3000), *({**one, "source": "x"} for one in rows(3000)), *rows(3000)))
    assert (report.num_rows, report.unused.counts) == (9000, {"source": 3000})


def test_the_quick_way_knows_the_same_keys() -> None:
    assert _Beside.__struct_fields__ == BESIDE


def test_keys_that_a_database_cannot_hold() -> None:
    written = json.dumps({**row(), "a\0b": LONG, "\ud800": LONG}).encode() + b"\n"
    report = checked(lines_of(*rows(3)) + written)
    assert set(report.unused.asked) == {"a�b", "\\ud800"}
