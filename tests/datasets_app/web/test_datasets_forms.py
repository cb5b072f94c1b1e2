"""Forms that make data sets: sent twice, by Back or by two clicks, they make one."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from datasets_app.models import TrainingFile
from tests.console.forms import form_at, sent_twice
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
