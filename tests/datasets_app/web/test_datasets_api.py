"""The HTTP surface: files, faults, rows and tokens, with a stranger of another team at every door."""

import csv
import gzip
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from catalogue.models import BaseModel
from chat import ChatFormat
from datasets_app import hooks, services
from datasets_app.checking.report import MOST_FAULTS
from datasets_app.models import Fault, TrainingFile
from datasets_app.storage.node_files import rows_folder
from datasets_app.tokens import row_view
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import body_of, lines_of, row, rows

pytestmark = pytest.mark.django_db


def stored(member: Member, content: bytes = lines_of(*rows(3)), filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user)


def call(member: Member | None, path: str, method: str = "GET") -> Any:
    return Client().generic(method, path, headers=member.headers if member else {})


class TestFiles:
    def test_one_file_as_openai_writes_it(self, alice: Member) -> None:
        file = stored(alice)
        assert call(alice, f"/v1/files/{file.pk}").json() == {
            "id": file.pk,
            "object": "file",
            "bytes": file.bytes,
            "created_at": int(file.created_at.timestamp()),
            "expires_at": None,
            "filename": "chats.jsonl",
            "purpose": "fine-tune",
            "status": "processed",
            "status_details": None,
        }

    def test_a_list_is_paged_in_both_orders_and_filtered(self, alice: Member, charlie: Member, tmp_path: Path) -> None:
        files = [stored(alice).pk for _ in range(3)]
        stored(charlie)
        (tmp_path / "metrics.csv").write_text("step\n")
        result = services.create_result_file(team=alice.team, filename="metrics.csv", path=tmp_path / "metrics.csv")

        def listed(query: str) -> tuple[list[str], bool]:
            reply = call(alice, f"/v1/files?{query}").json()
            return [item["id"] for item in reply["data"]], reply["has_more"]

        assert listed("") == ([result.pk, *reversed(files)], False)
        assert listed("purpose=fine-tune&order=asc&limit=2") == (files[:2], True)
        assert listed(f"purpose=fine-tune&order=asc&limit=2&after={files[1]}") == (files[2:], False)
        assert listed(f"limit=2&after={result.pk}") == ([files[2], files[1]], True)

    @pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up"])
    def test_a_bad_query_is_refused_by_name(self, alice: Member, query: str) -> None:
        reply = call(alice, f"/v1/files?{query}")
        assert reply.status_code == 400
        assert reply.json()["error"]["param"] == query.split("=")[0]

    def test_content_is_sent_as_a_download(self, alice: Member) -> None:
        content = lines_of(row("你好", "<script>"))
        file = stored(alice, content, '心理 "数据".jsonl')
        reply = call(alice, f"/v1/files/{file.pk}/content")
        assert async_to_sync(body_of)(reply) == content
        assert reply["Content-Type"] == "application/octet-stream"
        assert reply["Content-Length"] == str(len(content))
        assert reply["Content-Disposition"].startswith("attachment; filename*=utf-8''%E5%BF%83")
        assert call(alice, f"/v1/files/{file.pk}/content", "HEAD")["Content-Length"] == str(len(content))

    def test_deleting_says_so_and_a_guard_can_refuse(self, alice: Member) -> None:
        file = stored(alice)
        hooks.needs_files(lambda needed: "The job ftjob-1 still needs this file.")
        refused = call(alice, f"/v1/files/{file.pk}", "DELETE")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "file_in_use")
        hooks._guards.clear()
        reply = call(alice, f"/v1/files/{file.pk}", "DELETE")
        assert reply.json() == {"id": file.pk, "object": "file", "deleted": True}
        assert call(alice, f"/v1/files/{file.pk}").status_code == 404


ROUTES = [
    ("GET", "/v1/files/{id}"),
    ("DELETE", "/v1/files/{id}"),
    ("GET", "/v1/files/{id}/content"),
    ("HEAD", "/v1/files/{id}/content"),
    ("GET", "/v1/files?after={id}"),
    ("GET", "/api/v1/files/{id}/faults"),
    ("GET", "/api/v1/files/{id}/rows"),
    ("GET", "/api/v1/files/{id}/rows/0/tokens?model=tiny"),
]


class TestStrangers:
    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_another_teams_file_does_not_exist(self, alice: Member, charlie: Member, method: str, path: str) -> None:
        file = stored(alice)
        reply = call(charlie, path.format(id=file.pk), method)
        assert reply.status_code == 404
        nobody = call(charlie, path.format(id="file-none"), method)
        assert reply.content.replace(file.pk.encode(), b"file-none") == nobody.content
        assert TrainingFile.objects.filter(pk=file.pk).exists()

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_without_a_key_nothing_is_shown(self, alice: Member, method: str, path: str) -> None:
        assert call(None, path.format(id=stored(alice).pk), method).status_code == 401


class TestFaultsAndRows:
    def test_faults_are_paged(self, alice: Member) -> None:
        file = stored(alice, b"nonsense\n" * 3 + lines_of({"messages": 5}))
        first = call(alice, f"/api/v1/files/{file.pk}/faults?limit=3").json()
        assert ([fault["line"] for fault in first["data"]], first["has_more"], first["num_faults"]) == (
            [1, 2, 3],
            True,
            4,
        )
        last = call(alice, f"/api/v1/files/{file.pk}/faults?limit=3&after=3").json()
        assert last["data"] == [
            {
                "line": 4,
                "field": "messages",
                "kind": "messages_not_a_list",
                "message": "'messages' is a number, not a list of messages.",
                "hint": "Correct the row or remove it, and upload the file again.",
                "code": "not_a_list_of_messages",
                "params": {"where": "messages", "kind": {"code": "json_number", "params": {}}},
                "hint_code": "mend_the_row",
                "hint_params": {},
                "level": "fault",
            }
        ]
        assert not last["has_more"]

    def test_every_fault_is_listed_beyond_those_that_the_database_keeps(self, alice: Member) -> None:
        file = stored(alice, b"{}\n" * 2500 + b"nonsense\n" * 3)
        assert Fault.objects.filter(file=file).count() == MOST_FAULTS
        reply = call(alice, f"/api/v1/files/{file.pk}/faults?after=2498&limit=10").json()
        assert [fault["line"] for fault in reply["data"]] == [2499, 2500, 2501, 2502, 2503]
        kind = call(alice, f"/api/v1/files/{file.pk}/faults?kind=not_json").json()
        assert [fault["line"] for fault in kind["data"]] == [2501, 2502, 2503]

    def test_faults_are_grouped_and_counted(self, alice: Member) -> None:
        file = stored(alice, b"{}\n" * 30 + b"nonsense\n" + lines_of(row(), row(), row("{{name}}")))
        groups = call(alice, f"/api/v1/files/{file.pk}/faults/groups").json()["data"]
        found = [(group["level"], group["kind"], group["count"]) for group in groups]
        assert found[:2] == [("fault", "wrong_keys", 30), ("fault", "not_json", 1)]
        assert set(found[2:]) == {("note", "unfilled_placeholders", 1), ("note", "repeated_row", 1)}
        assert groups[0]["lines"] == list(range(1, 11))

    def test_faults_are_downloaded_as_lines_and_as_a_harmless_table(self, alice: Member) -> None:
        file = stored(alice, lines_of({"=cmd": 1}) + b"nonsense\n")
        path = f"/api/v1/files/{file.pk}/faults/content"
        lines = async_to_sync(body_of)(call(alice, path)).decode().splitlines()
        assert [json.loads(line)["line"] for line in lines] == [1, 2]
        table = async_to_sync(body_of)(call(alice, f"{path}?format=csv")).decode()
        cells = list(csv.reader(io.StringIO(table)))
        assert cells[0] == ["line", "field", "level", "kind", "message", "hint"]
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in cells for cell in row)

    def test_a_file_with_notes_alone_is_good(self, alice: Member) -> None:
        file = stored(alice, lines_of(*[row(f"{{{{name}}}} {n}") for n in range(12)]))
        assert (file.status, file.num_rows, file.num_faults) == ("processed", 12, 0)
        assert file.statistics["notes"] == {"unfilled_placeholders": 12}

    def test_rows_are_shown_as_conversations(self, alice: Member) -> None:
        file = stored(alice)
        reply = call(alice, f"/api/v1/files/{file.pk}/rows?offset=1&limit=1").json()
        assert reply["has_more"]
        [shown] = reply["data"]
        assert (shown["number"], shown["line"], shown["messages"]) == (1, 2, rows(3)[1]["messages"])
        assert (reply["total"], reply["next_offset"]) == (3, 2)

    def test_rows_are_searched_and_filtered_by_fault(self, alice: Member) -> None:
        content = lines_of(*rows(40), {"foo": 1}, row("Übung macht den Meister"))
        file = stored(alice, content)
        path = f"/api/v1/files/{file.pk}/rows"
        found = call(alice, f"{path}?search=question 7").json()
        assert [shown["line"] for shown in found["data"]] == [8]
        assert [shown["number"] for shown in call(alice, f"{path}?search=übung").json()["data"]] == [40]
        [faulty] = call(alice, f"{path}?kind=wrong_keys").json()["data"]
        assert (faulty["line"], faulty["number"], faulty["raw"]) == (41, None, '{"foo": 1}')
        assert faulty["faults"][0]["kind"] == "wrong_keys"

    @pytest.mark.parametrize("name", ["chats.json", "chats.csv", "chats.jsonl.gz"])
    def test_rows_of_every_layout_are_shown(self, alice: Member, name: str) -> None:
        content = {
            "chats.json": json.dumps(rows(30), indent=2).encode(),
            "chats.csv": "\n".join(["question,answer", *(f"Question {n}?,Answer {n}." for n in range(30))]).encode(),
            "chats.jsonl.gz": gzip.compress(lines_of(*rows(30))),
        }[name]
        file = stored(alice, content, filename=name)
        reply = call(alice, f"/api/v1/files/{file.pk}/rows?offset=28&limit=5").json()
        assert [shown["messages"] for shown in reply["data"]] == [row["messages"] for row in rows(30)[28:]]

    def test_rows_are_found_again_when_this_node_has_lost_the_index(self, alice: Member) -> None:
        file = stored(alice)
        shutil.rmtree(rows_folder(file.pk))
        assert call(alice, f"/api/v1/files/{file.pk}/rows").json()["total"] == 3

    def test_tokens_tell_what_is_learned(
        self, alice: Member, chat: ChatFormat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(row_view, "chat_format", lambda base, system: chat)
        sizes = dict.fromkeys(("parameters", "context_length", "hidden_size", "num_layers", "vocab_size"), 64)
        BaseModel.objects.create(id="tiny", display_name="Tiny", **sizes)
        file = stored(alice, lines_of(row("你好", "您好 👋")))
        reply = call(alice, f"/api/v1/files/{file.pk}/rows/0/tokens?model=tiny").json()
        assert "".join(token["text"] for token in reply["tokens"] if token["trained"]).startswith("您好 👋<|im_end|>")
        assert "<|im_start|>user\n你好" in "".join(token["text"] for token in reply["tokens"])
        assert not reply["truncated"]
        assert call(alice, f"/api/v1/files/{file.pk}/rows/1/tokens?model=tiny").status_code == 404
        assert call(alice, f"/api/v1/files/{file.pk}/rows/0/tokens?model=none").status_code == 404
        assert call(alice, f"/api/v1/files/{file.pk}/rows/99999/tokens?model=tiny").status_code == 404
