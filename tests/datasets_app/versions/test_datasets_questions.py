"""A file that holds text or a mask that nothing reads asks first, and what is answered stays with it."""

import io
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.rows.reading import read_conversations
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, recheck, row, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
CONTEXT = "The violin was made in Cremona."


def stored(member: Member, *values: Any, filename: str = "chats.jsonl", **options: Any) -> TrainingFile:
    return dataset_makers.stored(member.team, lines_of(*values), filename, by=member.user, **options)


def asking(member: Member, **beside: Any) -> TrainingFile:
    return stored(member, *({**one, "context": CONTEXT, **beside} for one in rows(12)))


def whole(member: Member, file: TrainingFile) -> dict[str, Any]:
    return dict(Client().get(f"/api/v1/files/{file.pk}", headers=member.headers).json())


def answer(
    member: Member, file: TrainingFile, unused: dict[str, str], status: int = 200, **more: Any
) -> dict[str, Any]:
    reply = Client().post(
        f"/api/v1/files/{file.pk}/reading", {"unused": unused, **more}, "application/json", headers=member.headers
    )
    assert reply.status_code == status, reply.content
    return dict(reply.json())


def is_open(file: TrainingFile) -> bool:
    if not file.unanswered:
        services.require_answered(file)
        return False
    with pytest.raises(UserError) as refused:
        services.require_answered(file)
    return refused.value.code == "unanswered_question"


class TestAsking:
    def test_names_the_key_what_it_holds_and_the_choices(self, alice: Member) -> None:
        file = asking(alice)
        (question,) = whole(alice, file)["questions"]
        assert question == {
            "name": "context", "kind": "text", "count": 12, "sample": CONTEXT,
            "choices": ["leave_out", "question", "system"],
            "message": "context contains text, in 12 rows, but it is not used.",
            "code": "text_not_read", "params": {"name": "context", "count": 12},
        }  # fmt: skip
        assert (file.status, is_open(file)) == ("processed", True)

    @pytest.mark.parametrize(
        "odd",
        [
            {**row(), "weight": 0},
            {**row(), "label": "meh"},
            {"messages": [row()["messages"][0], {**row()["messages"][1], "reasoning_content": "Let me think."}]},
        ],
    )
    def test_masks_verdicts_and_keys_of_messages_can_only_be_left_out(self, alice: Member, odd: dict[str, Any]) -> None:
        file = stored(alice, *rows(12), odd)
        (question,) = whole(alice, file)["questions"]
        assert question["choices"] == ["leave_out"]
        refused = answer(alice, file, {question["name"]: "system"}, status=400)
        assert "cannot be used as 'system'" in refused["error"]["message"]
        assert is_open(file)

    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ({"prompt": row()["messages"][:1], "completion": [{**row()["messages"][1], "thought": "Hm, well."}]},
             "completion[].thought"),
            ({"conversation": [{"human": "q", "assistant": "a", "context": "Of old violins"}]},
             "conversation[].context"),
            ({"contents": [{"role": "user", "parts": [{"text": "q"}]},
                           {"role": "model", "parts": [{"text": "Hm", "thought": True}, {"text": "a"}]}]},
             "contents[].parts[].thought"),
        ],
    )  # fmt: skip
    def test_keys_in_every_list_of_messages(self, alice: Member, value: dict[str, Any], name: str) -> None:
        (question,) = whole(alice, stored(alice, *[value] * 12))["questions"]
        assert (question["name"], question["choices"]) == (name, ["leave_out"])

    def test_rows_of_text_ask_too(self, alice: Member) -> None:
        file = stored(alice, *({"text": f"Once {n}.", "summary": "A short story"} for n in range(12)))
        assert [question["choices"] for question in whole(alice, file)["questions"]] == [["leave_out"]]

    def test_a_class_beside_a_text_says_nothing_of_an_answer(self, alice: Member) -> None:
        films = ({"text": f"A fine film, {n}.", "label": n % 2} for n in range(12))
        file = stored(alice, *films, filename="films.jsonl")
        assert (whole(alice, file)["questions"], is_open(file)) == ([], False)

    @pytest.mark.parametrize("values", [rows(12), [{**one, "id": "1", "source": "x", "score": 1} for one in rows(12)]])
    def test_ordinary_files_do_not(self, alice: Member, values: list[Any]) -> None:
        file = stored(alice, *values)
        assert (whole(alice, file)["questions"], is_open(file)) == ([], False)

    def test_the_demonstrations_data_does_not(self, alice: Member) -> None:
        content = (settings.BASE_DIR / "demo/self_cognition.jsonl").read_bytes()
        assert not is_open(dataset_makers.stored(alice.team, content, by=alice.user))


class TestLeavingOut:
    def test_is_remembered_with_the_file(self, alice: Member) -> None:
        file = asking(alice)
        found = answer(alice, file, {"context": "leave_out"})
        assert (found["id"], found["questions"], found["left_out"]) == (file.pk, [], ["context"])
        file.refresh_from_db()
        assert not is_open(file)
        assert [note["params"]["name"] for note in whole(alice, file)["notes"]] == ["context"]

    def test_of_one_key_leaves_the_others_open(self, alice: Member) -> None:
        file = asking(alice, rationale="It is old.")
        assert [q["name"] for q in answer(alice, file, {"context": "leave_out"})["questions"]] == ["rationale"]
        assert answer(alice, file, {"*": "leave_out"})["left_out"] == ["context", "rationale"]

    def test_is_inherited_by_the_next_version_by_name(self, alice: Member) -> None:
        file = asking(alice)
        answer(alice, file, {"*": "leave_out"})
        file.refresh_from_db()
        content = lines_of(*({**one, "context": "Another text", "rationale": "It is old."} for one in rows(12)))
        made = recheck(
            services.create_version(parent=file, by=alice.user, filename="b.jsonl", stream=io.BytesIO(content))
        )
        assert [name for name, _kind, _sample in made.unanswered] == ["rationale"]

    def test_of_everything_beforehand_is_not_for_other_bytes(self, alice: Member) -> None:
        content = lines_of(*({**one, "context": CONTEXT} for one in rows(12)))
        given: Any = {"by": alice.user, "filename": "a.jsonl"}
        file = services.create_file(
            team=alice.team, purpose="fine-tune", stream=io.BytesIO(content), left_out=["*"], **given
        )
        assert not is_open(recheck(file))
        assert is_open(recheck(services.create_version(parent=file, stream=io.BytesIO(content), **given)))


class TestUsing:
    @pytest.mark.parametrize(
        ("use", "said"),
        [
            ("question", [("user", f"{CONTEXT}\nQuestion 0?"), ("assistant", "Answer 0.")]),
            ("system", [("system", CONTEXT), ("user", "Question 0?"), ("assistant", "Answer 0.")]),
        ],
    )
    def test_makes_a_version_that_is_read_so(self, alice: Member, use: str, said: list[Any]) -> None:
        file = asking(alice, rationale="It is old.")
        found = answer(alice, file, {"context": use, "rationale": "leave_out"})
        made = recheck(TrainingFile.objects.get(parent=file))
        assert (found["id"], made.version, made.num_rows, is_open(made)) == (made.pk, 2, 12, False)
        (_line, first), *_ = read_conversations(made)
        assert [(m.role, m.content) for m in first.messages] == said
        (shown, *_) = services.page_of_rows(made).rows
        assert shown.example is not None
        assert shown.example.conversation == first
        assert [note["params"]["name"] for note in whole(alice, made)["notes"]] == ["rationale"]

    def test_beside_a_system_prompt_and_columns(self, alice: Member) -> None:
        values = [
            {"system": "Be brief.", "question": f"q{n}", "answer": "a", "remarks": CONTEXT * 3} for n in range(12)
        ]
        file = stored(alice, *values)
        answer(alice, file, {"remarks": "system"})
        made = recheck(TrainingFile.objects.get(parent=file))
        (_line, first), *_ = read_conversations(made)
        assert (first.messages[0].content, len(first.messages)) == (f"Be brief.\n\n{CONTEXT * 3}", 3)

    def test_can_be_taken_back(self, alice: Member) -> None:
        file = asking(alice)
        answer(alice, file, {"context": "question"})
        made = recheck(TrainingFile.objects.get(parent=file))
        answer(alice, made, {"context": "leave_out"})
        again = recheck(TrainingFile.objects.get(parent=made))
        (_line, first), *_ = read_conversations(again)
        assert (first.messages[0].content, is_open(again)) == ("Question 0?", False)

    def test_what_is_no_text_in_some_row_is_a_fault_there(self, alice: Member) -> None:
        file = stored(alice, *({**one, "context": CONTEXT} for one in rows(12)), {**row(), "context": {"a": 1}})
        answer(alice, file, {"context": "question"})
        made = recheck(TrainingFile.objects.get(parent=file))
        fault = made.faults.get()
        assert (fault.line, fault.kind, fault.field) == (13, "content_not_text", "context")


class TestRefusals:
    @pytest.mark.parametrize(
        ("unused", "sentence"),
        [
            ({"other": "leave_out"}, "No key 'other' is left unused in this file. Unused: context."),
            ({"context": "train"}, "'context' cannot be used as 'train'. Known: leave_out, question, system."),
            ({"*": "system"}, "'*' cannot be used as 'system'. Known: leave_out."),
            ({}, "Name at least one key, and what to do with it."),
        ],
    )
    def test_in_plain_sentences(self, alice: Member, unused: dict[str, str], sentence: str) -> None:
        assert answer(alice, asking(alice), unused, status=400)["error"]["message"] == sentence

    def test_of_two_answers_at_once(self, alice: Member) -> None:
        refused = answer(alice, asking(alice), {"context": "leave_out"}, status=400, shape="messages")
        assert refused["error"]["param"] == "unused"

    def test_of_a_file_that_is_not_checked(self, alice: Member) -> None:
        file = stored(alice, *rows(12), is_checked=False)
        assert answer(alice, file, {"*": "leave_out"}, status=400)["error"]["code"] == "file_not_ready"

    def test_of_another_team(self, alice: Member, charlie: Member) -> None:
        answer(charlie, asking(alice), {"context": "leave_out"}, status=404)


class TestDerived:
    """Rows are written without what nothing reads: no file may lose it in silence on the way."""

    def test_a_split_and_a_mixture_wait_for_the_answer(self, alice: Member) -> None:
        file = asking(alice)
        with pytest.raises(UserError, match="context"):
            services.split_file(file=file, shares={"train": 0.5, "test": 0.5}, seed=0, by=alice.user)
        with pytest.raises(UserError, match="context"):
            services.mix_files(parts=[(file, 1.0)], filename="m.jsonl", seed=0, by=alice.user)
        answer(alice, file, {"context": "leave_out"})
        file.refresh_from_db()
        assert services.split_file(file=file, shares={"train": 0.5, "test": 0.5}, seed=0, by=alice.user)

    def test_a_repaired_version_keeps_answers_and_uses(self, alice: Member) -> None:
        values = [{**one, "context": CONTEXT, "rationale": "It is old."} for one in [*rows(12), row(" Padded ", "a")]]
        file = stored(alice, *values)
        answer(alice, file, {"context": "question", "rationale": "leave_out"})
        used = recheck(TrainingFile.objects.get(parent=file))
        made, _outcome = services.repair_file(file=used, names=["trim"], by=alice.user)
        made = recheck(made)
        assert not is_open(made)
        assert [c.messages[0].content for _, c in read_conversations(made)][-1] == f"{CONTEXT}\nPadded"


class TestPage:
    def test_asks_at_the_top_instead_of_offering_a_training(self, alice: Member, page: Client) -> None:
        file = asking(alice, rationale="<b>Old</b> and good")
        shown = page.get(f"/datasets/{file.pk}").content.decode()
        assert shown.index("What should happen to it?") < shown.index('class="tabs"')
        assert "context contains text, in 12 rows, but it is not used." in shown
        assert "&lt;b&gt;Old&lt;/b&gt; and good" in shown
        assert "Before it can be trained on, say what to do with context, rationale." in shown
        assert "Train a model on this" not in shown
        assert "Needs your answer" in page.get("/datasets").content.decode()

    def test_takes_the_answers(self, alice: Member, page: Client) -> None:
        file = asking(alice, rationale="It is old.")
        reply = page.post(f"/datasets/{file.pk}/read-as", {"unused-context": "", "unused-rationale": "leave_out"})
        assert reply["location"] == f"/datasets/{file.pk}"
        reply = page.post(f"/datasets/{file.pk}/read-as", {"unused-context": "system"})
        made = recheck(TrainingFile.objects.get(parent=file))
        assert reply["location"] == f"/datasets/{made.pk}"
        shown = page.get(f"/datasets/{made.pk}").content.decode()
        assert "What should happen to it?" not in shown
        assert "Train a model on this" in shown

    def test_leaves_all_of_it_out(self, alice: Member, page: Client) -> None:
        file = asking(alice, rationale="It is old.")
        page.post(f"/datasets/{file.pk}/read-as", {"unused-context": "", "unused-*": "leave_out"})
        file.refresh_from_db()
        assert file.left_out == ["context", "rationale"]

    def test_in_chinese(self, alice: Member, page: Client) -> None:
        shown = page.get(f"/datasets/{asking(alice).pk}", headers={"accept-language": "zh-hans"}).content.decode()
        for english in ("What shall", "nothing reads", "Leave it out", "Before it can", "The first one"):
            assert english not in shown


def test_preference_files_keep_the_count_of_repeated_rows(alice: Member) -> None:
    pairs = [{"prompt": f"q{n % 10}", "chosen": "a", "rejected": "b"} for n in range(12)]
    table = b"prompt,chosen,rejected\n" + b"".join(b"q%d,a,b\n" % (n % 10) for n in range(12))
    for file in (
        stored(alice, *pairs, filename="pairs.jsonl"),
        dataset_makers.stored(alice.team, table, "pairs.csv", by=alice.user),
    ):
        found = whole(alice, file)
        assert (found["status"], found["num_faults"]) == ("error", 1)
        assert [(n["kind"], n["count"]) for n in found["notes"] if n["kind"] == "repeated_row"] == [("repeated_row", 2)]
