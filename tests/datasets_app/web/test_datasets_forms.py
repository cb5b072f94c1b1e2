"""Forms that make data sets: sent twice, by Back or by two clicks, they make one."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from datasets_app.models import TrainingFile
from datasets_app.versions.questions import questions_of
from tests.console.forms import error_at, form_at, forms_of, sent_twice
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
FAULTY = {"messages": [{"role": "User", "content": "a"}, {"role": "bot", "content": "b"}]}


@pytest.fixture
def file(alice: Member) -> TrainingFile:
    return dataset_makers.stored(alice.team, lines_of(*rows(40)), "chats.jsonl", by=alice.user)


def new_ones(*known: TrainingFile) -> int:
    return TrainingFile.objects.exclude(pk__in=[file.pk for file in known]).count()


class TestMadeOnce:
    def test_a_split(self, page: Client, file: TrainingFile) -> None:
        sent_twice(page, f"/datasets/{file.pk}?tab=about", f"/datasets/{file.pk}/split")
        assert new_ones(file) == 3

    def test_a_version_that_is_read_otherwise(self, page: Client, file: TrainingFile) -> None:
        address = f"/datasets/{file.pk}/read-as"
        first, second = sent_twice(page, f"/datasets/{file.pk}?tab=about", address, format="jsonl")
        assert first.url == second.url
        assert new_ones(file) == 1

    def test_a_mixture(self, page: Client, alice: Member, file: TrainingFile) -> None:
        other = dataset_makers.stored(alice.team, lines_of(*rows(12)), "others.jsonl", by=alice.user)
        sent_twice(page, "/datasets", "/datasets/mix", file=[file.pk, other.pk])
        assert new_ones(file, other) == 1

    def test_a_repaired_version(self, page: Client, alice: Member) -> None:
        file = dataset_makers.stored(alice.team, lines_of(*rows(12), FAULTY), "chats.jsonl", by=alice.user)
        address = f"/datasets/{file.pk}?tab=faults&repair=fix_roles"
        sent_twice(page, address, f"/datasets/{file.pk}/repair")
        assert new_ones(file) == 1

    def test_an_identity(self, page: Client, alice: Member) -> None:
        sent_twice(page, "/datasets/identity", name="小智", maker="360智汇云")
        assert new_ones() == 1

    @pytest.mark.parametrize("kind", ["upload", "versions"])
    def test_an_upload_of_the_same_bytes(self, page: Client, file: TrainingFile, kind: str) -> None:
        address = "/datasets" if kind == "upload" else f"/datasets/{file.pk}?tab=about"
        action = "/datasets/upload" if kind == "upload" else f"/datasets/{file.pk}/versions"
        form = form_at(page, address, action)

        def send(content: bytes) -> Any:
            return page.post(action, {**form, "file": SimpleUploadedFile("a.jsonl", content)})

        first, again = send(lines_of(*rows(3))), send(lines_of(*rows(3)))
        assert first.url == again.url
        assert new_ones(file) == 1
        assert send(lines_of(*rows(3)).replace(b"Question", b"question")).url != first.url
        assert new_ones(file) == 2


class TestRefused:
    """What is wrong is said at its field, what was filled in stays, and nothing is made."""

    @pytest.mark.parametrize(
        ("share", "language", "sentence"),
        [
            ("some", "en", "Enter a whole number."),
            ("101", "en", "Ensure this value is less than or equal to 100."),
            ("-1", "zh-hans", "确保该值大于或等于0。"),
        ],
    )
    def test_a_share(self, page: Client, file: TrainingFile, share: str, language: str, sentence: str) -> None:
        form = {"train": "80", "validation": share, "test": "7"}
        reply = page.post(f"/datasets/{file.pk}/split", form, headers={"accept-language": language})
        assert (reply.status_code, error_at(reply, "validation")) == (400, sentence)
        shown = next(one for one in forms_of(reply) if one.action.endswith("/split"))
        assert {name: shown.fields[name] for name in form} == {name: [text] for name, text in form.items()}
        assert new_ones(file) == 0

    def test_a_split_into_one_part(self, page: Client, file: TrainingFile) -> None:
        reply = page.post(f"/datasets/{file.pk}/split", {"train": "100"})
        assert reply.status_code == 400
        assert 'role="alert"' in reply.content.decode()
        assert new_ones(file) == 0

    @pytest.mark.parametrize(
        ("filled", "field", "sentence"),
        [
            ({"shape": "haiku"}, "shape", "Select a valid choice."),
            ({"format": "docx"}, "format", "Select a valid choice."),
            ({"encoding": "x"}, "encoding", "Select a valid choice."),
            ({"column-answer": "a" * 201}, "column-answer", "at most 200 characters"),
            ({"column-answer": "a"}, "column-prompt", "prompt"),
        ],
    )
    def test_a_reading(
        self, page: Client, file: TrainingFile, filled: dict[str, str], field: str, sentence: str
    ) -> None:
        reply = page.post(f"/datasets/{file.pk}/read-as", filled)
        assert reply.status_code == 400
        assert sentence in error_at(reply, field)
        shown = next(one for one in forms_of(reply) if one.action.endswith("/read-as"))
        assert not shown.is_folded
        assert shown.fields.get("column-answer") == [filled.get("column-answer", "")]
        assert new_ones(file) == 0

    def test_a_choice_for_what_nothing_reads(self, page: Client, alice: Member) -> None:
        values = [{**row, "my note": "It is old and longer than a word."} for row in rows(12)]
        file = dataset_makers.stored(alice.team, lines_of(*values), "notes.jsonl", by=alice.user)
        [question] = questions_of(file)
        reply = page.post(f"/datasets/{file.pk}/read-as", {f"unused-{question.name}": "burn"})
        assert reply.status_code == 400
        assert "Select a valid choice." in error_at(reply, "unused-1")
        file.refresh_from_db()
        assert file.unanswered
        assert new_ones(file) == 0

    @pytest.mark.parametrize(
        ("weight", "sentence"), [("heavy", "Enter a number."), ("101", "less than or equal to 100")]
    )
    def test_a_weight(self, page: Client, alice: Member, file: TrainingFile, weight: str, sentence: str) -> None:
        other = dataset_makers.stored(alice.team, lines_of(*rows(12)), "others.jsonl", by=alice.user)
        form = form_at(page, "/datasets", "/datasets/mix", file=[file.pk, other.pk], filename="both.jsonl")
        reply = page.post("/datasets/mix", {**form, f"weight-{other.pk}": weight})
        assert reply.status_code == 400
        assert sentence in error_at(reply, f"weight-{other.pk}")
        shown = next(one for one in forms_of(reply) if one.action == "/datasets/mix")
        assert sorted(shown.fields["file"]) == sorted([file.pk, other.pk])
        assert shown.fields["filename"] == ["both.jsonl"]
        assert not shown.is_folded
        assert new_ones(file, other) == 0

    def test_a_mixture_of_nothing(self, page: Client, alice: Member, file: TrainingFile) -> None:
        other = dataset_makers.stored(alice.team, lines_of(*rows(12)), "others.jsonl", by=alice.user)
        reply = page.post("/datasets/mix", {}, headers={"accept-language": "zh-hans"})
        assert reply.status_code == 400
        assert "请选择要合并的数据集。" in reply.content.decode()
        assert new_ones(file, other) == 0

    @pytest.mark.parametrize(
        ("filled", "field", "sentence"),
        [
            ({"name": ""}, "name", "This field is required."),
            ({"name": "x" * 41}, "name", "at most 40 characters"),
            ({"maker": "a\tb"}, "maker", "maker"),
        ],
    )
    def test_an_identity(self, page: Client, filled: dict[str, str], field: str, sentence: str) -> None:
        form = {"name": "小智", "maker": "Acme", "languages": ["en"], "tone": "warm"}
        reply = page.post("/datasets/identity", {**form, **filled})
        assert reply.status_code == 400
        assert sentence in error_at(reply, field)
        [shown] = [one for one in forms_of(reply, "/datasets/identity") if one.action == "/datasets/identity"]
        assert (shown.fields["languages"], shown.fields["tone"]) == (["en"], ["warm"])
        assert new_ones() == 0
