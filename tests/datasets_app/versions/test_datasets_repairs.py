"""A broken file is looked at, repaired into a new version, and good; the old one stays as it was."""

import json
from typing import Any

import pytest
from django.test import Client

from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.versions.repairs import repairs_for
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, recheck, row, rows

pytestmark = pytest.mark.django_db


def stored(member: Member, content: bytes, filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user)


def turns(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in pairs]}


CASES = {
    "fix_roles": (turns(("User", "Hi"), ("bot", "Hello")), turns(("user", "Hi"), ("assistant", "Hello"))),
    "merge_consecutive": (
        turns(("user", "Hi"), ("assistant", "a"), ("assistant", "b")),
        turns(("user", "Hi"), ("assistant", "a\nb")),
    ),
    "drop_trailing_question": (
        turns(("user", "Hi"), ("assistant", "a"), ("user", "And?")),
        turns(("user", "Hi"), ("assistant", "a")),
    ),
}


class TestEachRepair:
    @pytest.mark.parametrize("name", CASES)
    def test_mends_its_fault_and_nothing_else(self, alice: Member, name: str) -> None:
        broken, mended = CASES[name]
        file = stored(alice, lines_of(*rows(3), broken))
        assert file.status == "error"
        assert name in [repair.name for repair in repairs_for(file.statistics["faults"])]
        made, outcome = services.repair_file(file=file, names=[name], by=alice.user)
        assert recheck(made).status == "processed"
        assert (outcome.num_changed, outcome.num_dropped, outcome.by_repair) == (1, 0, {name: 1})
        assert services.open_file(made).read() == lines_of(*rows(3), mended)

    @pytest.mark.parametrize(
        ("name", "line"),
        [("strip_commas", lines_of(row()).strip() + b","), ("strip_commas", lines_of(row()).strip()[:-1] + b",}")],
    )
    def test_lines_that_are_no_json(self, alice: Member, name: str, line: bytes) -> None:
        file = stored(alice, lines_of(*rows(2)) + line + b"\n")
        made, _ = services.repair_file(file=file, names=[name], by=alice.user)
        assert recheck(made).num_rows == 3

    def test_comments_are_left_out(self, alice: Member) -> None:
        file = stored(alice, b"// my data\n" + lines_of(*rows(2)) + b"# the end\n")
        made, outcome = services.repair_file(file=file, names=["strip_comments"], by=alice.user)
        assert (recheck(made).num_rows, outcome.num_dropped) == (2, 2)

    def test_placeholders_are_filled_and_quotes_in_values_do_no_harm(self, alice: Member) -> None:
        file = stored(
            alice, lines_of(*[row("Who are you?", f"I am {{{{name}}}} by {{{{author}}}} {n}.") for n in range(3)])
        )
        values = {"name": 'Zhi "小智" \\', "author": "Luthier"}
        made, _ = services.repair_file(file=file, names=["fill_placeholders"], values=values, by=alice.user)
        assert recheck(made).statistics["notes"] == {}
        first = json.loads(services.open_file(made).readline())
        assert first["messages"][1]["content"] == 'I am Zhi "小智" \\ by Luthier 0.'

    def test_repeated_and_faulty_rows_are_dropped_and_counted(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(3), rows(1)[0], {"foo": 1}) + b"nonsense\n")
        made, outcome = services.repair_file(file=file, names=["drop_repeated", "drop_faulty"], by=alice.user)
        assert (recheck(made).num_rows, made.num_faults) == (3, 0)
        assert outcome.by_repair == {"drop_repeated": 1, "drop_faulty": 2}
        assert (made.made["dropped"], made.made["changed"]) == (3, 0)

    def test_other_layouts_become_lines(self, alice: Member) -> None:
        file = stored(alice, b"question,answer\nWhy?,\nWho?,Me\n", "faq.csv")
        made, _ = services.repair_file(file=file, names=["drop_faulty"], by=alice.user)
        assert (made.filename, recheck(made).num_rows) == ("faq.jsonl", 1)


class TestWhatStays:
    def test_untouched_lines_stay_the_bytes_that_they_were(self, alice: Member) -> None:
        odd = b'{ "id":7,"messages":[{"role":"user","content":"a,]"},{"role":"assistant","content":"\\u4f60, }"}] }'
        seed = b'{"conversations": [{"from": "user", "value": "a"}, {"from": "assistant", "value": "b"}]}'
        file = stored(alice, odd + b"\n" + seed + b"\n" + lines_of(row()).strip() + b",\n")
        names = ["strip_commas", "fix_roles", "merge_consecutive", "drop_trailing_question", "drop_repeated"]
        made, outcome = services.repair_file(file=file, names=names, by=alice.user)
        assert services.open_file(made).read() == odd + b"\n" + seed + b"\n" + lines_of(row())
        assert (outcome.num_changed, outcome.num_dropped) == (1, 0)

    def test_a_changed_row_keeps_its_other_keys_and_its_shape(self, alice: Member) -> None:
        value = {"id": "x", "source": "y", "conversations": [{"from": "Bot", "value": "b"}]}
        value["conversations"] = [{"from": "user", "value": "a"}, *value["conversations"]]
        file = stored(alice, lines_of(value))
        made, _ = services.repair_file(file=file, names=["fix_roles"], by=alice.user)
        kept = json.loads(services.open_file(made).readline())
        assert (kept["id"], kept["source"], kept["conversations"][1]) == ("x", "y", {"from": "assistant", "value": "b"})

    def test_a_row_that_cannot_be_read_is_counted_and_never_made_up(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(2), row("x" * 9_000_000), CASES["fix_roles"][0]))
        made, outcome = services.repair_file(file=file, names=["fix_roles"], by=alice.user)
        assert outcome.by_repair == {"unreadable": 1, "fix_roles": 1}
        assert recheck(made).num_rows == 3
        assert b"longer than" not in services.open_file(made).read()

    def test_a_line_that_stays_broken_stays_as_it_was(self, alice: Member) -> None:
        file = stored(alice, lines_of(CASES["fix_roles"][0]) + b"nonsense,\n")
        made, outcome = services.repair_file(file=file, names=["fix_roles", "strip_commas"], by=alice.user)
        assert services.open_file(made).read().endswith(b"\nnonsense,\n")
        assert outcome.num_faults_after == 1

    def test_rows_of_another_kind_are_not_all_thrown_away(self, alice: Member) -> None:
        file = stored(alice, lines_of(*[{"prompt": "a", "chosen": "b", "rejected": f"{n}"} for n in range(3)]))
        with pytest.raises(UserError, match="no usable row would be left"):
            services.repair_file(file=file, names=["drop_faulty"], by=alice.user)

    def test_a_dropped_row_counts_once(self, alice: Member) -> None:
        file = stored(alice, lines_of(row("a ", "b"), row("a", "b ")))
        _, outcome = services.repair_file(file=file, names=["trim", "drop_repeated"], by=alice.user)
        assert outcome.by_repair == {"trim": 1, "drop_repeated": 1}


class TestVersions:
    def test_are_numbered_and_know_their_parent(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(3)) + b"nonsense\n")
        made, _ = services.repair_file(file=file, names=["drop_faulty"], by=alice.user, reason="cleaning")
        again, _ = services.repair_file(file=file, names=["drop_faulty"], by=alice.user)
        assert [v.version for v in services.versions_of(file)] == [3, 2, 1]
        assert {v.family for v in (made, again)} == {file.pk}
        assert (made.parent, made.reason, made.created_by) == (file, "cleaning", alice.user)
        file.refresh_from_db()
        assert services.open_file(file).read() == lines_of(*rows(3)) + b"nonsense\n"

    def test_repairs_that_change_nothing_make_none(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(3)))
        with pytest.raises(UserError, match="change nothing"):
            services.repair_file(file=file, names=["fix_roles"], by=alice.user)
        assert TrainingFile.objects.count() == 1

    def test_an_unknown_repair_names_the_known_ones(self, alice: Member) -> None:
        with pytest.raises(UserError, match="drop_faulty"):
            services.preview_repairs(file=stored(alice, lines_of(*rows(3))), names=["magic"])


class TestAPI:
    def post(self, member: Member, path: str, body: dict[str, Any]) -> Any:
        return Client().post(path, json.dumps(body), content_type="application/json", headers=member.headers)

    def test_offers_previews_and_makes(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(3), CASES["fix_roles"][0]))
        path = f"/api/v1/files/{file.pk}/repairs"
        offered = Client().get(path, headers=alice.headers).json()["data"]
        assert [repair["name"] for repair in offered] == ["fix_roles", "drop_faulty"]
        preview = self.post(alice, path, {"repairs": ["fix_roles"], "preview": True}).json()
        assert (preview["file"], preview["num_changed"], len(preview["changes"])) == (None, 1, 1)
        assert TrainingFile.objects.count() == 1
        made = self.post(alice, path, {"repairs": ["fix_roles"], "reason": "roles"}).json()
        assert made["file"]["id"] != file.pk
        versions = Client().get(f"/api/v1/files/{file.pk}/versions", headers=alice.headers).json()["data"]
        assert [(v["version"], v["parent"], v["reason"]) for v in versions] == [(2, file.pk, "roles"), (1, None, None)]

    @pytest.mark.parametrize("route", ["repairs", "versions", "statistics?model=x", "faults/groups", "faults/content"])
    def test_strangers_find_nothing(self, alice: Member, charlie: Member, route: str) -> None:
        file = stored(alice, lines_of(*rows(3)))
        assert Client().get(f"/api/v1/files/{file.pk}/{route}", headers=charlie.headers).status_code == 404
        assert self.post(charlie, f"/api/v1/files/{file.pk}/repairs", {"repairs": ["trim"]}).status_code == 404


class TestReading:
    def test_columns_that_nobody_knows_are_chosen_and_make_a_version(self, alice: Member) -> None:
        file = stored(alice, b"frage,antwort\nWarum?,Darum.\nWer?,Ich.\n", "faq.csv")
        assert file.status == "error"
        path, body = f"/api/v1/files/{file.pk}/reading", {"columns": {"prompt": "frage", "answer": "antwort"}}
        reply = Client().post(path, json.dumps(body), content_type="application/json", headers=alice.headers).json()
        made = recheck(TrainingFile.objects.get(pk=reply["id"]))
        assert (made.status, made.num_rows, made.version, made.shape) == ("processed", 2, 2, "columns")
        assert made.sha256 == file.sha256
        page = services.page_of_rows(made)
        assert page.rows[0].example is not None
        assert page.rows[0].example.conversation is not None
        assert page.rows[0].example.conversation.messages[1].content == "Darum."

    def test_an_encoding_can_be_named(self, alice: Member) -> None:
        file = stored(alice, lines_of(row("Wer?", "Jürgen")).decode().encode("gb18030"))
        again = recheck(services.read_again(file=file, reading={"encoding": "gb18030"}, by=alice.user))
        assert again.statistics["encoding"] == "gb18030"

    @pytest.mark.parametrize(
        "reading", [{}, {"format": "pdf"}, {"encoding": "klingon"}, {"columns": {"prompt": "a"}}, {"shape": "round"}]
    )
    def test_nonsense_is_refused(self, alice: Member, reading: dict[str, Any]) -> None:
        with pytest.raises(UserError):
            services.read_again(file=stored(alice, lines_of(*rows(2))), reading=reading, by=alice.user)
        assert TrainingFile.objects.count() == 1


class TestDiff:
    def test_counts_rows_by_what_they_say(self, alice: Member, charlie: Member) -> None:
        older = stored(alice, lines_of(*rows(5), rows(1)[0]))
        seed = {"conversations": [{"from": "human", "value": "Question 3?"}, {"from": "gpt", "value": "Answer 3."}]}
        newer = stored(alice, lines_of(*rows(3), seed, row("New?", "Yes.")))
        path = f"/api/v1/files/{newer.pk}/diff?against={older.pk}"
        found = Client().get(path, headers=alice.headers).json()
        assert (found["same"], found["added"], found["removed"]) == (4, 1, 2)
        assert [shown["messages"][0]["content"] for shown in found["added_rows"]] == ["New?"]
        assert {shown["messages"][0]["content"] for shown in found["removed_rows"]} == {"Question 0?", "Question 4?"}
        assert Client().get(path, headers=charlie.headers).status_code == 404


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("filename", ["chats.jsonl", "chats.json"])
def test_rows_of_other_shapes_are_mended_too(alice: Member, name: str, filename: str) -> None:
    broken, mended = ({"dialog": case["messages"]} for case in CASES[name])
    good = [{"dialog": row(f"Question {n}?")["messages"]} for n in range(3)]
    content = lines_of(*good, broken) if filename.endswith("l") else json.dumps([*good, broken]).encode()
    file = stored(alice, content, filename)
    assert file.num_faults == 1
    made, outcome = services.repair_file(file=file, names=[name], by=alice.user)
    assert (recheck(made).num_rows, made.num_faults, outcome.num_changed) == (4, 0, 1)
    assert json.loads(services.open_file(made).read().splitlines()[-1]) == {"messages": mended["dialog"]}
