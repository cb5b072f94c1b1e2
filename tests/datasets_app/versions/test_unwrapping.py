"""Texts in another model's chat template: named with their count, and turned into turns on request."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from datasets_app import services
from datasets_app.checking.notes import notes_of
from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, lines_of, recheck, row, rows

pytestmark = pytest.mark.django_db
SMALL = (Path(__file__).parents[1] / "cases/small/e2_text_tmpl.jsonl").read_bytes()
CHATML = "<|im_start|>user\nQ{0}<|im_end|>\n<|im_start|>assistant\nA{0}<|im_end|>"
Said = list[tuple[str, str]]


def stored(member: Member, content: bytes, filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user)


def notes(file: TrainingFile) -> dict[str, int]:
    return {note.kind: note.count for note in notes_of(file) if note.kind.endswith(("template", "marks"))}


def turned(file: TrainingFile) -> TrainingFile:
    made, _outcome = services.repair_file(file=file, names=["unwrap_template"], by=file.created_by)
    return recheck(made)


def said(file: TrainingFile) -> list[Said]:
    """Return the conversations of a file that was turned."""
    with services.open_file(file) as stream:
        values = [json.loads(line) for line in stream.read().decode().split("\n") if line]
    assert (file.status, file.use, notes(file)) == ("processed", "chat", {}), file.status_details
    return [[(m["role"], m["content"]) for m in value["messages"]] for value in values]


def asked(number: int) -> Said:
    return [("user", f"Q{number}"), ("assistant", f"A{number}")]


class TestRowsOfText:
    def test_are_named_with_their_count_and_turned(self, alice: Member) -> None:
        file = stored(alice, SMALL)
        assert (file.status, notes(file)) == ("processed", {"chat_template": 10})
        assert said(turned(file)) == [asked(n) for n in range(10)]

    def test_of_a_table(self, alice: Member) -> None:
        cells = "".join(f'"<s>Human: Q{n}\n</s><s>Assistant: A{n}\n</s>"\n' for n in range(12))
        file = stored(alice, f"text\n{cells}".encode(), "atom.csv")
        assert notes(file) == {"chat_template": 12}
        assert said(turned(file)) == [asked(n) for n in range(12)]

    def test_what_stands_beside_the_text_stays_and_a_preface_is_the_system_prompt(self, alice: Member) -> None:
        text = "Below is an instruction.\n\n### Instruction:\nQ0\n\n### Response:\nA0"
        made = turned(stored(alice, lines_of({"text": text, "id": 7})))
        assert json.loads(services.open_file(made).readline())["id"] == 7
        assert said(made) == [[("system", "Below is an instruction."), *asked(0)]]

    def test_rows_that_are_no_chats_are_named_in_the_version(self, alice: Member) -> None:
        file = stored(alice, lines_of({"text": "Once upon a time."}, *({"text": CHATML.format(n)} for n in range(3))))
        assert notes(file) == {"chat_template": 3}
        made = turned(file)
        assert (made.status, made.num_rows, made.num_faults) == ("error", 3, 1)
        last, _ = services.repair_file(file=made, names=["drop_faulty"], by=alice.user)
        assert said(recheck(last)) == [asked(n) for n in range(3)]

    def test_a_text_about_templates_is_only_named(self, alice: Member) -> None:
        file = stored(alice, lines_of(*({"text": f"{n}: a chat begins with <|im_start|>user."} for n in range(3))))
        assert notes(file) == {"template_marks": 3}


class TestMessages:
    @pytest.mark.parametrize("quick", [True, False])
    def test_are_named_and_turned_and_the_rest_stays(self, alice: Member, quick: bool) -> None:
        odd = {**row("[INST] <<SYS>>\nS\n<</SYS>>\n\nQ1 [/INST]", "A1 </s>"), "id": "x"}
        odd["messages"].extend(
            [{"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2 </s>", "weight": 0}]
        )
        file = stored(alice, lines_of(*rows(3), odd) if quick else json.dumps([*rows(3), odd]).encode())
        assert notes(file) == {"chat_template": 1}
        made = turned(file)
        *_, last = said(made)
        assert last == [("system", "S"), *asked(1), *asked(2)]
        with services.open_file(made) as stream:
            value = json.loads(stream.readlines()[-1])
        assert (value["id"], value["messages"][-1]["weight"]) == ("x", 0)

    def test_of_share_gpt(self, alice: Member) -> None:
        pair = [{"from": "human", "value": "### Human: Q0\n### Assistant:"}, {"from": "gpt", "value": "A0<|im_end|>"}]
        made = turned(stored(alice, lines_of({"conversations": pair})))
        assert json.loads(services.open_file(made).readline()) == {
            "conversations": [{"from": "human", "value": "Q0"}, {"from": "gpt", "value": "A0"}]
        }

    def test_prompts_and_completions_become_messages_all_of_them(self, alice: Member) -> None:
        odd = {"prompt": "S\n\n### Instruction:\nQ0\n\n### Response:\n", "completion": "A0</s>"}
        file = stored(alice, lines_of(odd, {"prompt": "Q1", "completion": "A1"}))
        assert notes(file) == {"chat_template": 1}
        assert said(turned(file)) == [[("system", "S"), *asked(0)], asked(1)]

    def test_a_preface_beside_a_system_prompt_stays_before_the_question(self, alice: Member) -> None:
        odd = row("Preface.\n\n### Human: Q0\n### Assistant:", "A0")
        odd["messages"].insert(0, {"role": "system", "content": "S"})
        assert said(turned(stored(alice, lines_of(odd)))) == [
            [("system", "S"), ("user", "Preface.\n\nQ0"), ("assistant", "A0")]
        ]

    def test_the_quick_way_finds_what_the_general_way_finds(self) -> None:
        texts = ["[INST] Q [/INST]", "Use <|im_start|>user", "### Human: Q\n### Assistant:", "<｜User｜>Q", "plain"]
        report = checked(lines_of(*[row(text, f"A{n}") for n, text in enumerate(texts)]))
        assert report.note_kinds == {"chat_template": 3, "template_marks": 1}


TEXTS = {
    "each question": (
        "".join(f"### Human: Q{n}\n### Assistant: A{n}\n" for n in range(12)),
        [asked(n) for n in range(12)],
    ),
    "blank lines": (
        "".join(f"Human: Q{n}\nAssistant: A{n}\nHuman: Q{n}\nAssistant: A{n}\n\n" for n in range(12)),
        [asked(n) * 2 for n in range(12)],
    ),
    "a line each": (
        "".join(f"<s>[INST] Q{n} [/INST] A{n} </s>\n" for n in range(12)),
        [asked(n) for n in range(12)],
    ),
    "no mark of the beginning": (
        "".join(f"[INST] Q{n} [/INST] A{n}\n" for n in range(12)),
        [asked(n) for n in range(12)],
    ),
    "system prompts": (
        "".join(f"<|im_start|>system\nS<|im_end|>\n{CHATML.format(n)}\n{CHATML.format(n)}\n" for n in range(12)),
        [[("system", "S"), *asked(n), *asked(n)] for n in range(12)],
    ),
    "a preface each": (
        "".join(f"S\n\n### Instruction:\nQ{n}\n\n### Response:\nA{n}\n\n" for n in range(12)),
        [[("system", "S"), *asked(n)] for n in range(12)],
    ),
    "answers over several lines": (
        "".join(f"USER: Q{n}\nASSISTANT: A{n}\n\n- more\n" for n in range(12)),
        [[("user", f"Q{n}"), ("assistant", f"A{n}\n\n- more")] for n in range(12)],
    ),
}


class TestPlainText:
    @pytest.mark.parametrize("name", TEXTS)
    def test_lines_are_named_and_put_together(self, alice: Member, name: str) -> None:
        content, conversations = TEXTS[name]
        file = stored(alice, content.encode(), "chats.txt")
        assert (file.format, file.status) == ("text", "processed")
        assert notes(file)["chat_template"] >= 12
        assert said(turned(file)) == conversations

    def test_a_book_with_speakers_is_no_chat(self, alice: Member) -> None:
        file = stored(alice, b"A play.\nUser: hello\nAssistant: good day\nThey leave.\n" * 10, "play.txt")
        assert notes(file) == {}


@pytest.mark.usefixtures("plain_static")
class TestShown:
    def test_on_the_page_with_the_turns_to_look_at(self, alice: Member, page: Client) -> None:
        file = stored(alice, SMALL)
        shown = page.get(f"/datasets/{file.pk}").content.decode()
        assert "pieces of text" not in shown
        assert "10 rows of text, 10 of them written in another model" in shown
        assert "10 rows: The text is written in another model" in shown
        assert "?tab=faults&amp;repair=unwrap_template#preview" in shown
        looked = page.get(f"/datasets/{file.pk}?tab=faults&repair=unwrap_template").content.decode()
        assert "Rows changed: 10." in looked
        assert "&quot;role&quot;: &quot;assistant&quot;, &quot;content&quot;: &quot;A0&quot;" in looked
        page.post(f"/datasets/{file.pk}/repair", {"repair": "unwrap_template"})
        assert recheck(TrainingFile.objects.get(parent=file)).use == "chat"

    def test_in_chinese(self, alice: Member, page: Client) -> None:
        file = stored(alice, SMALL)
        shown = page.get(f"/datasets/{file.pk}", headers={"accept-language": "zh-hans"}).content.decode()
        assert "another model" not in shown
        assert "turns" not in shown.partition('class="tabs"')[0].partition("</head>")[2]

    def test_in_the_api(self, alice: Member) -> None:
        file = stored(alice, SMALL)
        reply: dict[str, Any] = Client().get(f"/api/v1/files/{file.pk}", headers=alice.headers).json()
        (note,) = reply["notes"]
        assert (note["kind"], note["count"], note["params"]["lines"]) == ("chat_template", 10, list(range(1, 11)))
        assert "'### Human:'" in note["message"]
        offered = Client().get(f"/api/v1/files/{file.pk}/repairs", headers=alice.headers).json()["data"]
        assert "unwrap_template" in [repair["name"] for repair in offered]
