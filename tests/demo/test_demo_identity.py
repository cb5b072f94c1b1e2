"""The demo's data set."""

import json
from pathlib import Path

import pytest

import demo
from datasets_app.recipes.identity import Identity
from demo.identity import lines, main, write_data_set

SHIPPED = Path(demo.__file__).parent / "self_cognition.jsonl"
SEED = Identity(name="小智", maker="360智汇云")


def test_the_shipped_file_is_what_the_generator_writes(tmp_path: Path) -> None:
    write_data_set(SEED, tmp_path / "made.jsonl")
    assert (tmp_path / "made.jsonl").read_bytes() == SHIPPED.read_bytes()


def test_rows_have_the_articles_format() -> None:
    rows = [json.loads(line) for line in lines(SEED)]
    assert len(rows) == len({row["id"] for row in rows}) == 107
    for row in rows:
        assert list(row) == ["id", "source", "conversations"]
        assert [turn["from"] for turn in row["conversations"]] == ["user", "assistant"]
        assert all(set(turn) == {"from", "value"} and turn["value"] for turn in row["conversations"])


def test_the_command_says_what_is_wrong_with_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["", "A company"]) == 2
    assert "The name must be 1 to 40 characters" in capsys.readouterr().err
