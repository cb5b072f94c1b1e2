"""The labels recipe: examples become rows and a test of held-out ones."""

import random
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from common.errors import UserError
from datasets_app.models import TrainingFile
from datasets_app.recipes.base import GUARD, UNRELATED
from datasets_app.recipes.labels import LABELS, LEAST_EXAMPLES, MOST_HELD_OUT
from datasets_app.recipes.making import read_answers
from tests.datasets_app.conftest import Member


def examples(**counts: int) -> list[dict[str, str]]:
    return [{"text": f"{label} text {n}", "label": label} for label, count in counts.items() for n in range(count)]


def read(rows: list[dict[str, str]], **other: Any) -> Any:
    return read_answers(LABELS, {"examples": rows, **other})


def test_some_of_each_label_are_held_out_and_none_is_in_both() -> None:
    found = read(examples(spam=8, ham=40))
    held = [label for _, label in found.held_out]
    assert (held.count("spam"), held.count("ham")) == (2, 10)
    assert len(found.learned) == 36
    assert not {text for text, _ in found.learned} & {text for text, _ in found.held_out}


def test_the_same_ones_are_held_out_in_any_order() -> None:
    rows = examples(spam=12, ham=12)
    shuffled = random.Random(0).sample(rows, len(rows))
    assert set(read(rows).held_out) == set(read(shuffled).held_out)


def test_the_test_stays_short_however_many_examples() -> None:
    assert len(read(examples(**{f"l{n}": 40 for n in range(12)})).held_out) <= MOST_HELD_OUT


def test_an_example_asks_with_the_instruction_and_answers_with_the_label_alone() -> None:
    found = read(examples(spam=8, ham=8), instruction="Spam or ham?")
    rows = [row for row in LABELS.rows(found) if row.source != GUARD]
    assert all(row.turns[0][1].startswith("Spam or ham?\n\n") for row in rows)
    assert {row.turns[1][1] for row in rows} == {"spam", "ham"}
    test = LABELS.tests(found)[0]
    assert test.judge(f" {test.expected.upper()}. ").is_passed
    assert test.judge(f"It is {test.expected}").fault == "another"
    unrelated = [test for test in LABELS.tests(found) if test.topic == UNRELATED]
    assert unrelated[0].judge("spam").fault == "one_of_those"


@pytest.mark.parametrize(
    ("texts", "begin"),
    [([f"快递太慢了{n}" for n in range(8)], "请判断"), ([f"too slow {n}" for n in range(8)], "Which label")],
)
def test_the_instruction_is_in_the_language_of_the_texts(texts: list[str], begin: str) -> None:
    rows = [{"text": f"{text}{label}", "label": label} for label in ("a", "b") for text in texts]
    assert read(rows).instruction.startswith(begin)
    assert "a" in read(rows).instruction


def test_the_same_label_in_other_letters_is_one() -> None:
    rows = examples(spam=8, ham=8)
    rows[0]["label"] = " SPAM."
    assert len(read(rows).labels) == 2


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (examples(spam=8, ham=LEAST_EXAMPLES - 1), "label ham has 7"),
        (examples(spam=20), "There are 1 labels"),
        (examples(**{f"l{n}": 8 for n in range(31)}), "There are 31 labels"),
        ([*examples(spam=8, ham=8), {"text": "SPAM text 1", "label": "ham"}], "two labels, spam and ham"),
        (examples(spam=8, **{"x" * 61: 8}), "at most 60 characters"),
        ([*examples(spam=8, ham=7), {"text": "ham text 1", "label": "ham"}], "ham has 7 different"),
        ([{"text": "a", "label": ""}], "Line 1"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_anything_is_made(rows: list[dict[str, str]], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        read(rows)
    assert refused.value.param == "examples"


@pytest.mark.usefixtures("plain_static")
class TestThePage:
    def test_takes_what_is_pasted_and_what_is_uploaded(self, alice: Member) -> None:
        client = Client()
        client.force_login(alice.user)
        pasted = "\n".join(f"{row['text']} => {row['label']}" for row in examples(spam=8))
        table = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in examples(ham=8))
        upload = SimpleUploadedFile("ham.csv", table.encode())
        looked = client.post("/datasets/labels", {"examples": pasted, "examples-file": upload, "look": "1"})
        assert "spam text" in looked.content.decode()
        assert "ham text 7\tham" in looked.content.decode(), "no browser keeps a file that was chosen"
        assert not TrainingFile.objects.exists()
        made = client.post(
            "/datasets/labels", {"examples": pasted, "examples-file": SimpleUploadedFile("h.csv", table.encode())}
        )
        assert made.status_code == 302, made.content.decode()
        assert TrainingFile.objects.get().recipe["answers"]["labels"] == ["spam", "ham"]

    def test_names_the_line_that_is_none_and_keeps_what_was_written(self, alice: Member) -> None:
        client = Client()
        client.force_login(alice.user)
        refused = client.post("/datasets/labels", {"examples": "a => b\nno label here"})
        assert refused.status_code == 400
        assert "Line 2 does not consist of" in refused.content.decode()
        assert "no label here" in refused.content.decode()


def test_a_text_in_other_letters_is_no_other_example() -> None:
    texts = [(f"{word} {number}", word) for word in ("good", "bad") for number in range(8)]
    every = [*texts, *((f"{text.upper()}!", label) for text, label in texts)]
    read = LABELS.read({"examples": [{"text": text, "label": label} for text, label in every]})
    assert {*read.learned, *read.held_out} == set(texts)
