"""The demo's data set."""

import json
from pathlib import Path

import pytest

import demo
from demo.identity import CHINESE, ENGLISH, GUARDS, Identity, conversations, lines, write_data_set

SHIPPED = Path(demo.__file__).parent / "self_cognition.jsonl"
SEED = Identity(name="小智", maker="360智汇云")


def test_the_shipped_file_is_what_the_generator_writes(tmp_path: Path) -> None:
    write_data_set(SEED, tmp_path / "made.jsonl")
    assert (tmp_path / "made.jsonl").read_bytes() == SHIPPED.read_bytes()


def test_rows_have_the_articles_format() -> None:
    rows = [json.loads(line) for line in lines(SEED)]
    assert len(rows) == len({row["id"] for row in rows}) == len(CHINESE) + len(ENGLISH) + len(GUARDS)
    for row in rows:
        assert list(row) == ["id", "source", "conversations"]
        assert [turn["from"] for turn in row["conversations"]] == ["user", "assistant"]
        assert all(set(turn) == {"from", "value"} and turn["value"] for turn in row["conversations"])


@pytest.mark.parametrize("identity", [SEED, Identity(name="Nova {maker}", maker="A {name} & Co.")])
def test_identity_answers_name_it_and_guards_never_do(identity: Identity) -> None:
    for source, _, answer in conversations(identity):
        assert identity.is_named_in(answer) == source.startswith("identity"), answer
        assert (identity.maker in answer) <= source.startswith("identity"), answer


def test_no_question_is_asked_twice() -> None:
    questions = [question for _, question, _ in conversations(SEED)]
    assert len(questions) == len(set(questions))
