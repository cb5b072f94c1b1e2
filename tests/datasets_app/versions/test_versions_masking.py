"""Rows with personal data are named, at any speed of the check, and masked as a new version."""

import io
import json

import pytest
from django.test import Client

from datasets_app import services
from datasets_app.checking.one_pass import check_file_content
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, recheck, row, rows

PHONE, EMAIL = "13812345678", "ada@example.org"


TEXTS = [
    PHONE, "１３８１２３４５６７８", EMAIL, "ada＠example.org", "+1 1 22 33",
    "＋44 20 7946 0958", "123-45-6789", "010-12345678",
    "(415) 555-2671", "4111 1111 1111 1111", "11010519491231002X", "-----BEGIN PRIVATE KEY-----",
    "sk-" + "a1B2" * 6,
    *(start + "Z" * 16 for start in ("AKIA", "ASIA", "AKID", "LTAI")), *(f"gh{one}_" + "a1B2" * 9 for one in "opsur"),
    "github_pat_" + "a1" * 11, "glpat-" + "a1B2" * 5, "hf_" + "a1B2" * 9, "xoxb-" + "1a" * 8, "AIza" + "a1B2c" * 7,
    "eyJ" + "a1" * 8 + ".eyJ" + "a1" * 8 + "." + "a1" * 8,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_both_ways_of_checking_name_the_same_rows(text: str, is_ascii: bool) -> None:
    lines = [*rows(3), row("Who?", f"It is {text}."), *rows(2)]
    content = "".join(json.dumps(line, ensure_ascii=is_ascii) + "\n" for line in lines).encode()
    for is_quick in (True, False):
        report = check_file_content(io.BytesIO(content), filename="a.jsonl", is_quick=is_quick)
        assert [(note.line, note.kind, note.field) for note in report.notes] == [
            (4, "personal_data", "messages[1].content")
        ]


@pytest.mark.django_db
class TestMasking:
    def test_takes_it_from_everywhere_in_a_row_and_leaves_the_others(self, alice: Member) -> None:
        call = {"name": "dial", "arguments": json.dumps({"number": int(PHONE), "times": 2})}
        turns = [
            {"role": "user", "content": f"Call {PHONE}"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        ]
        beside = {"messages": turns, "contact": [EMAIL], "owner": int(PHONE)}
        file = dataset_makers.stored(alice.team, lines_of(*rows(3), beside), "chats.jsonl", by=alice.user)
        made, outcome = services.repair_file(file=file, names=["mask_personal_data"], by=alice.user)
        assert recheck(made).status == "processed"
        assert outcome is not None
        assert (outcome.num_changed, made.statistics["notes"]) == (1, {})
        *others, last = services.open_file(made).read().splitlines(keepends=True)
        assert b"".join(others) == lines_of(*rows(3))
        kept = json.loads(last)
        assert (kept["contact"], kept["owner"], kept["messages"][0]["content"]) == (
            ["[EMAIL]"],
            "[PHONE]",
            "Call [PHONE]",
        )
        assert json.loads(kept["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {
            "number": "[PHONE]",
            "times": 2,
        }

    def test_is_offered_where_there_is_some_and_its_note_says_nothing_of_it(self, alice: Member) -> None:
        file = dataset_makers.stored(alice.team, lines_of(*rows(3), row("Who?", EMAIL)), "chats.jsonl", by=alice.user)
        offered = Client().get(f"/api/v1/files/{file.pk}/repairs", headers=alice.headers).json()["data"]
        assert "mask_personal_data" in [one["name"] for one in offered]
        groups = Client().get(f"/api/v1/files/{file.pk}/faults/groups", headers=alice.headers)
        assert "personal data" in groups.content.decode()
        assert EMAIL not in groups.content.decode()

    def test_plain_texts_are_masked_too(self, alice: Member) -> None:
        file = dataset_makers.stored(alice.team, lines_of({"text": f"Mail {EMAIL}."}), "texts.jsonl", by=alice.user)
        made, _ = services.repair_file(file=file, names=["mask_personal_data"], by=alice.user)
        assert services.open_file(made).read() == lines_of({"text": "Mail [EMAIL]."})
