"""What a check finds is stored as a code with its parameters, and said in the reader's language."""

import json
from io import BytesIO

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from datasets_app.checking import recording
from datasets_app.checking.one_pass import check_file_content
from datasets_app.formats.base import RowFault
from datasets_app.formats.refusals import refusal_of
from datasets_app.migrations._as_messages import message_of, verdict_of
from datasets_app.migrations._old_sentences import SENTENCES
from datasets_app.models import Fault, TrainingFile
from datasets_app.shapes import SHAPES
from tests.chinese import assert_is_chinese
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import body_of, stored
from wording import Message
from wording.catalogue import Sentence
from wording.message import _KNOWN

GOOD = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'
FILES = (
    b"",
    b"\n\n",
    b"[]",
    b'[{"messages": []}',
    b'[{"messages": []},]',
    b'[{"messages": []} {"messages": []}]',
    b'[{"messages": []}] 1',
    b"hello\n",
    b'{"messages": [}\n',
    b'{"messages": NaN}\n',
    b'{"messages": [], "n": ' + b"1" * 5000 + b"}\n",
    b'{"messages": ' + b"[" * 200 + b"]" * 200 + b"}\n",
    b'{"messages": []}, {"messages": []}\n',
    b'{"messages": "\xff"}\n',
    b'{"messages": "\xe4\xbd',
    b'{"messages": []}\0\n',
    b'{\n  "messages": []\n}\n',
    b'{"messages": []}\n{\n  "messages": []\n',
    b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n',
    b'{"item": {}, "reference_answer": "b"}\n',
    b'{"instruction": "a", "output": ""}\n',
    b'{"prompt": ["a", "b"], "response": "c"}\n',
    b'{"question": "a", "answer": ["b", "c"]}\n',
    b'{"frage": "a", "antwort": "b"}\n',
    b'{"text": " "}\n',
    GOOD + b'{"instruction": "a", "output": "b"}\n',
    GOOD + b'{"messages": [{"role": "user", "content": "q"}]}\n' * 9,
    GOOD * 2,
    GOOD.replace(b'"q"', b'"{{name}}"'),
    GOOD.replace(b'"a"', b'"<|im_start|>assistant\\nYes<|im_end|>"'),
    b"\x1f\x8b\x08",
    b"%PDF-1.7",
    b"PK\x03\x04",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 120\n",
    b"version https://git-lfs.github.com/spec/v1\n",
    b"<!doctype html>",
)
TABLES = (
    b"a,a\n1,2\n",
    b"prompt,completion\n1,2,3\n",
    b'prompt,completion\n"1,2\n',
    b"prompt,completion\n" + b"1,2\n" * 20_000 + b"1,\xff\n",
    b"prompt,completion\n1,\0\n",
    b'","\n' + b"a," * 3000,
)


def faults_of(content: bytes, name: str = "chats.jsonl") -> list[RowFault]:
    found: list[RowFault] = []

    class Taker:
        def found(self, fault: RowFault) -> None:
            found.append(fault)

        def alive(self, report: object) -> None: ...

        def row(self, item: object) -> None: ...

    check_file_content(BytesIO(content), filename=name, listener=Taker())
    return found


def messages_of(content: bytes, name: str = "chats.jsonl") -> list[Message]:
    refused = refusal_of(content, name)
    if refused is not None:
        return [refused.message]
    return [said for fault in faults_of(content, name) for said in (fault.message, fault.hint) if said is not None]


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_what_is_wrong_with_a_file_is_told_in_chinese(content: bytes) -> None:
    for said in messages_of(content):
        assert_is_chinese(said)


@pytest.mark.parametrize("content", TABLES, ids=range(len(TABLES)))
def test_what_is_wrong_with_a_table_is_told_in_chinese(content: bytes) -> None:
    for said in messages_of(content, "chats.csv"):
        assert_is_chinese(said)


def test_most_of_these_files_are_wrong() -> None:
    assert sum(bool(messages_of(content)) for content in FILES) > len(FILES) - 3
    assert sum(bool(messages_of(content, "chats.csv")) for content in TABLES) > len(TABLES) - 2


def test_shapes_are_called_by_chinese_names() -> None:
    for shape in SHAPES:
        assert_is_chinese(shape.words)


@pytest.mark.parametrize("content", [b"hello\n", b"hello\n" * 9, GOOD + b"hello\n[1]\n" * 9, b"\n"])
def test_verdicts_are_told_in_chinese(content: bytes) -> None:
    details = check_file_content(BytesIO(content), filename="chats.jsonl").details
    assert details is not None
    assert_is_chinese(details)


VERDICTS = (
    ("rows_not_learned", "%(faults)s of %(total)s rows cannot be learned from."),
    ("no_row_learned", "None of the %(total)s rows can be learned from, all for the same reason."),
)
BEFORE = {
    found.text: sentence for code, sentence in SENTENCES + VERDICTS if isinstance(found := _KNOWN[code], Sentence)
}
"""What a sentence of today was worded like before messages had codes."""


def as_before(said: Message) -> str:
    return said.in_words(lambda sentence, *_: BEFORE.get(sentence, sentence))


class TestWhatWasStoredAsText:
    """Sentences of before become the messages that are made today."""

    @pytest.mark.parametrize("content", FILES + TABLES, ids=range(len(FILES + TABLES)))
    def test_a_sentence_finds_its_code_again(self, content: bytes) -> None:
        for said in messages_of(content, "chats.csv" if content in TABLES else "chats.jsonl"):
            found = Message.restored(message_of(as_before(said)))
            assert (found.code, str(found)) == (said.code, str(said))

    @pytest.mark.parametrize("content", [b"hello\n", b"hello\n" * 1009, GOOD + b"hello\n[1]\n" * 900, b"\n"])
    def test_a_verdict_finds_its_code_again(self, content: bytes) -> None:
        details = check_file_content(BytesIO(content), filename="chats.jsonl").details
        assert details is not None
        assert Message.restored(verdict_of(as_before(details))) == details

    @pytest.mark.parametrize("text", ["Quite new.", "Line 3: Quite new. And newer."])
    def test_a_sentence_that_is_not_known_stays_as_it_is(self, text: str) -> None:
        assert str(Message.restored(verdict_of(text))) == text


@pytest.mark.django_db
class TestAtTheAPI:
    def test_a_fault_says_its_codes_and_what_they_name(self, client: Client, alice: Member) -> None:
        file = stored(alice.team, b'{"messages": [{"role": "bard", "content": "q"}]}\n')
        client.force_login(alice.user)
        [fault] = client.get(f"/api/v1/files/{file.pk}/faults").json()["data"]
        assert fault == {
            "line": 1,
            "field": "messages[0].role",
            "kind": "unknown_role",
            "level": "fault",
            "message": "messages[0].role is 'bard', which is not a valid role.",
            "hint": "Use system, user, assistant (or human, gpt) and tool.",
            "code": "unknown_role",
            "params": {"where": "messages[0].role", "role": "'bard'"},
            "hint_code": "use_known_roles",
            "hint_params": {},
        }
        [group] = client.get(f"/api/v1/files/{file.pk}/faults/groups").json()["data"]
        assert (group["lines"], group["count"], group["params"]) == ([1], 1, fault["params"])
        verdict = client.get(f"/api/v1/files/{file.pk}").json()["verdict"]
        assert (verdict["code"], verdict["params"]["line"]) == ("on_line", 1)

    def test_a_note_and_a_question_say_theirs(self, client: Client, alice: Member) -> None:
        row = json.loads(GOOD) | {"context": "The shop opens at nine in the morning, and closes late."}
        file = stored(alice.team, json.dumps(row).encode() + b"\n")
        client.force_login(alice.user)
        whole = client.get(f"/api/v1/files/{file.pk}").json()
        [note] = whole["notes"]
        assert (note["kind"], note["params"]) == ("unused_key", {"name": "context", "count": 1})
        [question] = whole["questions"]
        assert (question["code"], question["params"]) == ("text_not_read", {"name": "context", "count": 1})

    def test_every_fault_of_a_long_list_is_said_in_the_asked_language(
        self, client: Client, alice: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recording, "MOST_FAULTS", 2)
        monkeypatch.setattr("datasets_app.checking.report.MOST_FAULTS", 2)
        file = stored(alice.team, b'{"messages": [{"role": "bard", "content": "q"}]}\n' * 5)
        assert (Fault.objects.filter(file=file).count(), file.statistics["fault_list"]["total"]) == (2, 5)
        client.force_login(alice.user)
        for path in ("faults", "faults/content?format=jsonl"):
            reply = client.get(f"/api/v1/files/{file.pk}/{path}", headers={"accept-language": "zh-CN"})
            body = async_to_sync(body_of)(reply) if reply.streaming else reply.content
            lines = json.loads(body)["data"] if path == "faults" else [json.loads(line) for line in body.splitlines()]
            assert [line["code"] for line in lines] == ["unknown_role"] * 5
            assert all(line["message"].startswith("messages[0].role 是 'bard'") for line in lines)


@pytest.mark.django_db
def test_what_a_key_holds_is_stored_as_the_database_takes_it(alice: Member) -> None:
    file = TrainingFile.objects.create(team=alice.team, filename="a.jsonl", purpose="fine-tune", bytes=1)
    said = Message("key_missing", {"where": "a\0b", "key": "\ud800"})
    fault = RowFault(line=1, kind="wrong_keys", message=said, hint=None)
    recording.as_row(file, 1, fault).save()
    assert Fault.objects.get(file=file).message.params == {"where": "a�b", "key": "\\ud800"}
