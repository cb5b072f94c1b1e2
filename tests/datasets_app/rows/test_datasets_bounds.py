"""What the web process reads while somebody waits has an end, and is not done twice at once."""

import gzip
import io
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from common.errors import UserError
from datasets_app import services
from datasets_app.checking import one_pass, row_index
from datasets_app.checking.row_index import RowIndex
from datasets_app.formats.streams import BLOCK
from datasets_app.models import TrainingFile
from datasets_app.rows import pages
from datasets_app.storage.node_files import rows_folder
from datasets_app.versions import diffs, repairing
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, row, rows

pytestmark = pytest.mark.django_db


def stored(member: Member, content: bytes, filename: str = "chats.jsonl", **options: Any) -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user, **options)


class TestPreview:
    @pytest.fixture(autouse=True)
    def few_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(repairing, "PREVIEWED_BYTES", 1000)

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"nonsense\n" * 400, "chats.jsonl"),
            (lines_of(*[{"messages": []}] * 400), "chats.jsonl"),
            (b"question,answer\n" + b"a question,\n" * 400, "pairs.csv"),
            (gzip.compress(b"nonsense\n" * 400), "chats.jsonl.gz"),
        ],
        ids=["nonsense", "empty", "columns", "packed"],  # an archive holds the time at which it was packed
    )
    def test_that_leaves_out_every_row_ends_as_soon(self, alice: Member, content: bytes, name: str) -> None:
        preview = services.preview_repairs(file=stored(alice, content, name), names=["drop_faulty"])
        assert preview.is_partial
        assert 0 < preview.outcome.num_dropped < 400
        assert preview.outcome.num_rows_after == 0

    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_reads_no_further_in_blank_lines(self, alice: Member, pack: Any) -> None:
        name = "chats.jsonl" if pack is bytes else "chats.jsonl.gz"
        file = stored(alice, pack(lines_of(*rows(2)) + b"\n" * 4 * BLOCK + b"nonsense\n"), name)
        preview = services.preview_repairs(file=file, names=["drop_faulty"])
        assert (preview.is_partial, preview.outcome.num_rows_after, preview.outcome.num_dropped) == (True, 2, 0)

    def test_of_a_small_file_is_whole(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(3)) + b"nonsense\n")
        preview = services.preview_repairs(file=file, names=["drop_faulty"])
        assert (preview.is_partial, preview.outcome.num_dropped) == (False, 1)


class TestDiff:
    """The API has the page's cap, and what is packed counts as it is unpacked."""

    LARGE = lines_of(*[row(f"Question {n}?", "x" * 200) for n in range(30)])

    @pytest.mark.parametrize(
        ("content", "name"), [(LARGE, "a.jsonl"), (gzip.compress(LARGE), "a.jsonl.gz"), (b"nonsense\n" * 99, "a.jsonl")]
    )
    @pytest.mark.usefixtures("plain_static")
    def test_of_large_sets_is_refused_at_both(
        self, alice: Member, page: Client, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str
    ) -> None:
        monkeypatch.setattr(diffs, "MOST_COMPARED_BYTES", 880)
        older, newer = stored(alice, content, name), stored(alice, lines_of(*rows(2)))
        TrainingFile.objects.filter(pk=newer.pk).update(parent=older)
        for first, second in ((older, newer), (newer, older)):
            path = f"/api/v1/files/{first.pk}/diff?against={second.pk}"
            reply = Client().get(path, headers=alice.headers)
            assert (reply.status_code, reply.json()["error"]["code"]) == (400, "too_large_to_compare")
            assert older.filename in reply.json()["error"]["message"]
        told = page.get(f"/datasets/{newer.pk}?tab=about&compare=1").content.decode()
        assert "is too large to be compared here" in told
        with_chinese = page.get(f"/datasets/{newer.pk}?tab=about&compare=1", headers={"accept-language": "zh-CN"})
        assert "太大" in with_chinese.content.decode()

    def test_of_small_ones_is_given(self, alice: Member) -> None:
        older, newer = stored(alice, lines_of(*rows(3))), stored(alice, gzip.compress(lines_of(*rows(4))), "b.jsonl.gz")
        reply = Client().get(f"/api/v1/files/{newer.pk}/diff?against={older.pk}", headers=alice.headers).json()
        assert (reply["same"], reply["added"], reply["removed"]) == (3, 1, 0)


class TestRowIndex:
    def test_two_that_miss_it_make_it_once(self, alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        file = stored(alice, lines_of(*rows(50)))
        shutil.rmtree(rows_folder(file.pk))
        looked, made, both_looked = set[int](), [], threading.Event()
        find, check = RowIndex.open, one_pass.check_file_content

        def finding(folder: Path) -> RowIndex | None:
            found = find(folder)
            looked.add(threading.get_ident())
            if len(looked) == 2:
                both_looked.set()
            return found

        def making(*given: Any, **options: Any) -> Any:
            assert both_looked.wait(30), "the second is here as well, and has found nothing"
            made.append(threading.get_ident())
            return check(*given, **options)

        monkeypatch.setattr(RowIndex, "open", finding)
        monkeypatch.setattr(pages.one_pass, "check_file_content", making)
        with ThreadPoolExecutor(2) as pool:
            read = list(pool.map(lambda offset: services.page_of_rows(file, offset=offset, limit=1), (0, 49)))
        assert len(made) == 1
        assert [page.rows[0].number for page in read] == [0, 49]

    def test_is_left_to_the_check_of_a_file_that_waits_for_it(self, alice: Member) -> None:
        file = stored(alice, lines_of(*rows(3)), is_checked=False)
        reply = Client().get(f"/api/v1/files/{file.pk}/rows", headers=alice.headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "file_not_ready")
        assert not rows_folder(file.pk).exists()
        with pytest.raises(UserError, match="still being checked"):
            pages.example_at(file, 0)

    def test_of_a_line_without_end_only_the_beginning_is_read(
        self, alice: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = stored(alice, lines_of(row(), row(answer="x" * 5000), row()))
        monkeypatch.setattr(row_index, "LONGEST_ROW", 1000)

        class Told(io.BytesIO):
            def readline(self, size: int | None = -1, /) -> bytes:
                asked.append(size)
                return super().readline(size)

        asked: list[int | None] = []
        with services.open_file(file) as stream:
            content = Told(stream.read())
        found = RowIndex(rows_folder(file.pk))
        raw = [text for _line, text in found.raw(found.good(0, 3), content)]
        assert [len(text) for text in raw] == [len(json.dumps(row())), 1002, len(json.dumps(row()))]
        assert asked == [1002] * 3
