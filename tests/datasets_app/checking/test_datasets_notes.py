"""Whatever a row holds and nothing reads is named once, with its count: on the page and in the API."""

from typing import Any

import pytest
from django.test import Client

from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, row, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def stored(member: Member, *values: Any, filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, lines_of(*values), filename, by=member.user)


def whole(member: Member, file: TrainingFile) -> dict[str, Any]:
    return dict(Client().get(f"/api/v1/files/{file.pk}", headers=member.headers).json())


class TestUnused:
    def test_keys_beside_messages_and_in_them(self, alice: Member) -> None:
        odd = row()
        odd["messages"][1]["reasoning_content"] = "Let me think."
        file = stored(alice, *rows(9), {**row("a", "b"), "teacher": "gpt"}, {**row("c", "d"), "teacher": "gpt"}, odd)
        found = {
            note["params"]["name"]: note["count"]
            for note in whole(alice, file)["notes"]
            if note["kind"] == "unused_key"
        }
        assert found == {"teacher": 2, "messages[].reasoning_content": 1}

    def test_columns_of_known_shapes(self, alice: Member) -> None:
        file = stored(
            alice, *({"instruction": f"q{n}", "context": "c", "response": "a", "level": "hard"} for n in range(12))
        )
        (note,) = whole(alice, file)["notes"]
        assert (note["kind"], note["params"], note["count"]) == ("unused_key", {"name": "level", "count": 12}, 12)
        assert note["message"] == "level is not used: it appears in 12 rows and is not trained on."

    def test_what_is_used_or_empty_is_no_note(self, alice: Member) -> None:
        tools = [{"type": "function", "function": {"name": "f"}}]
        beside = {"comment": "", "id": None, "tags": [], "system": "S", "tools": tools}
        file = stored(alice, *({**one, **beside} for one in rows(12)))
        assert whole(alice, file)["notes"] == []

    def test_what_people_keep_for_themselves_is_told_quietly(self, alice: Member, page: Client) -> None:
        beside = {"id": "1", "source": "https://example.com/a", "score": 0.5, "tags": ["a"]}
        file = stored(alice, *({**one, **beside} for one in rows(12)))
        found = {note["params"]["name"]: note["count"] for note in whole(alice, file)["notes"]}
        assert found == dict.fromkeys(beside, 12)
        shown = " ".join(page.get(f"/datasets/{file.pk}").content.decode().split())
        assert (
            "Kept alongside the conversations but not trained on: id (12), score (12), source (12), tags (12)" in shown
        )
        assert "source is not used" not in shown

    def test_keys_of_faulty_rows_of_text_and_beside_old_functions(self, alice: Member) -> None:
        faulty = {**row(answer=" "), "tools": [], "system": "S", "teacher": "gpt"}
        old = {**row(), "functions": [{"name": "f"}], "teacher": "gpt"}
        assert whole(alice, stored(alice, *rows(11), faulty, old))["notes"][0]["count"] == 2
        texts = stored(alice, *({"text": f"Once {n}.", "teacher": "gpt"} for n in range(12)), filename="texts.jsonl")
        (note,) = whole(alice, texts)["notes"]
        assert (note["params"], note["count"]) == ({"name": "teacher", "count": 12}, 12)

    def test_a_count_is_right_beside_any_number_of_other_keys(self, alice: Member) -> None:
        file = stored(alice, *({**one, "teacher": "gpt", f"key{n}": "x"} for n, one in enumerate(rows(100))))
        found = {note["params"]["name"]: note["count"] for note in whole(alice, file)["notes"]}
        assert (found["teacher"], len(found)) == (100, 50)

    def test_on_the_page(self, alice: Member) -> None:
        file = stored(alice, *({**one, "<b>teacher": "gpt"} for one in rows(12)))
        client = Client()
        client.force_login(alice.user)
        shown = client.get(f"/datasets/{file.pk}").content.decode()
        assert "&lt;b&gt;teacher is not used: it appears in 12 rows" in shown


class TestWholeFile:
    def test_says_everything(self, alice: Member, charlie: Member) -> None:
        file = stored(alice, *rows(11), row("Question 0?", "Answer 0."))
        found = whole(alice, file)
        assert (found["id"], found["status"], found["rows"], found["num_faults"]) == (file.pk, "processed", 12, 0)
        assert found["layout"] == {"format": "jsonl", "shape": "messages", "use": "chat", "encoding": "utf-8"}
        assert found["counts"]["roles"] == {"user": 12, "assistant": 12}
        (note,) = found["notes"]
        assert (note["kind"], note["count"], note["params"]) == ("repeated_row", 1, {"first": 1, "lines": [12]})
        assert Client().get(f"/api/v1/files/{file.pk}", headers=charlie.headers).status_code == 404

    def test_names_the_columns_that_are_asked_about(self, alice: Member) -> None:
        file = dataset_makers.stored(alice.team, b"ask,reply\nq,a\n", "columns.csv", by=alice.user)
        assert whole(alice, file)["columns"] == ["ask", "reply"]
