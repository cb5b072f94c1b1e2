"""Counts are counts: of rows only rows, and every sentence names as many as there are."""

import io
import zipfile
from typing import Any

import pytest
from django.test import Client

from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.versions.repairs import repairs_for
from datasets_app.web.words import sentence_of
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, lines_of, row, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def stored(member: Member, content: bytes, filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user)


def packed(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.jsonl", content)
    return target.getvalue()


def page_of(client: Client, file: TrainingFile, **query: Any) -> str:
    return client.get(f"/datasets/{file.pk}", query).content.decode()


class TestRows:
    def test_a_fault_of_the_whole_file_is_no_row(self, alice: Member) -> None:
        file = stored(alice, packed(a=lines_of(*rows(3)), b=lines_of(*rows(3))), "two.zip")
        assert file.num_faults == 1
        found = Client().get(f"/api/v1/files/{file.pk}/rows", headers=alice.headers).json()
        assert (found["total"], found["data"]) == (0, [])
        assert "row" not in sentence_of(file)

    def test_a_kind_of_file_is_told_as_it_is_and_not_as_one_row(self, alice: Member) -> None:
        file = stored(alice, b"ask;reply\n" + b"".join(b"q%d;a%d\n" % (n, n) for n in range(50)), "columns.csv")
        assert (file.status, file.num_faults) == ("error", 1)
        assert "1 row cannot" not in sentence_of(file)
        assert "'ask', 'reply'" in sentence_of(file)

    def test_rows_without_a_good_one(self, alice: Member) -> None:
        file = stored(alice, lines_of(*[row(answer=" ") for _ in range(12)]))
        assert services.page_of_rows(file).total == 0
        assert sentence_of(file).startswith("12 rows cannot be used for training.")


class TestLines:
    def test_more_than_are_named_end_in_dots(self, alice: Member, page: Client) -> None:
        file = stored(alice, lines_of(*[row(answer=" ") for _ in range(12)]))
        shown = " ".join(page_of(page, file, tab="faults").split())
        assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …" in shown


class TestCauses:
    @pytest.mark.parametrize(
        ("line", "cause"),
        [
            (b'{"messages": [{"role": "user', "unterminated string, at column 24."),
            (b'{"messages": "a\tb"}', "invalid control character, at column 16."),
            (b'{"messages": "a\\q"}', "invalid \\escape, at column 16."),
        ],
    )
    def test_are_named_without_a_doubled_at(self, line: bytes, cause: str) -> None:
        report = checked(lines_of(*rows(3)) + line + b"\n")
        assert str(report.faults[0].message) == f"The row is not JSON: {cause}"


class TestRepairs:
    def test_leaving_out_is_not_offered_where_nothing_would_be_left(self, alice: Member, page: Client) -> None:
        file = stored(alice, lines_of(*[row(answer=" ") for _ in range(3)]))
        assert "drop_faulty" not in page_of(page, file, tab="faults")
        found = Client().get(f"/api/v1/files/{file.pk}/repairs", headers=alice.headers).json()
        assert "drop_faulty" not in [repair["name"] for repair in found["data"]]

    def test_it_is_offered_where_rows_stay_or_another_repair_makes_some(self) -> None:
        def names(codes: list[str], has_good_rows: bool) -> list[str]:
            return [repair.name for repair in repairs_for(codes, has_good_rows=has_good_rows)]

        assert names(["empty_answer"], True) == ["drop_faulty"]
        assert names(["empty_answer"], False) == []
        assert names(["empty_answer", "unknown_role"], False) == ["fix_roles", "drop_faulty"]
