"""Uploads in parts, broken off and gone on with."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from luthier.errors import ApiError, LuthierError
from luthier.uploading import Uploads
from tests.client.fake_server import FakeServer

CONTENT = bytes(range(256)) * 10
PART = 1000


class Storage:
    """The server's side of an upload, which breaks when it is told to."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.begun = 0
        self.status = "pending"
        self.break_at: int | None = None
        self.completed: dict[str, Any] = {}
        self.server = FakeServer(
            {
                "POST /v1/uploads": self._begin,
                "POST /v1/uploads/upload-1/parts": self._part,
                "GET /v1/uploads/upload-1": self._show,
                "POST /v1/uploads/upload-1/complete": self._complete,
                "POST /v1/files": {"id": "file-small"},
            }
        )

    def send(self, path: Path, kept_in: Path, **options: Any) -> Any:
        uploads = Uploads(self.server.client().api, "http://luthier.test", kept_in=kept_in)
        shown: list[int] = []
        given: Any = {
            "purpose": "fine-tune",
            "unused": "",
            "progress": lambda done, total: shown.append(done),
            **options,
        }
        return uploads.send(path, part_bytes=PART, **given), shown

    def _begin(self, request: httpx.Request) -> Any:
        self.begun, self.parts = self.begun + 1, []
        return {"id": "upload-1"}

    def _part(self, request: httpx.Request) -> Any:
        if len(self.parts) == self.break_at:
            return httpx.Response(503, json={"error": {"message": "Busy.", "code": "busy"}})
        _, _, rest = request.content.partition(b"\r\n\r\n")
        self.parts.append(rest.rpartition(b"\r\n--")[0])
        return {"id": f"part-{len(self.parts)}"}

    def _show(self, request: httpx.Request) -> Any:
        parts = [{"id": f"part-{number}", "bytes": len(part)} for number, part in enumerate(self.parts, 1)]
        return {"id": "upload-1", "status": self.status, "parts": parts}

    def _complete(self, request: httpx.Request) -> Any:
        self.completed = self.server.body(-1)
        return {"id": "upload-1", "file": {"id": "file-1"}}


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(CONTENT)
    return path


def test_a_large_file_comes_in_parts(storage: Storage, file: Path, tmp_path: Path) -> None:
    found, shown = storage.send(file, tmp_path / "uploads.json")
    assert found == {"id": "file-1"}
    assert b"".join(storage.parts) == CONTENT
    assert storage.completed["part_ids"] == ["part-1", "part-2", "part-3"]
    assert storage.completed["md5"] == hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert shown == [1000, 2000, 2560]
    assert (tmp_path / "uploads.json").read_text() == "{}"


def test_one_that_broke_off_goes_on_with_what_is_missing(storage: Storage, file: Path, tmp_path: Path) -> None:
    storage.break_at = 2
    with pytest.raises(ApiError, match="Busy"):
        storage.send(file, tmp_path / "uploads.json")
    storage.break_at = None
    asked = len(storage.server.asked)
    storage.send(file, tmp_path / "uploads.json")
    assert storage.server.paths()[asked:].count("POST /v1/uploads/upload-1/parts") == 1
    assert (storage.begun, b"".join(storage.parts)) == (1, CONTENT)


@pytest.mark.parametrize("change", ["content", "expired"])
def test_another_file_or_an_expired_upload_begins_anew(
    storage: Storage, file: Path, tmp_path: Path, change: str
) -> None:
    storage.break_at = 1
    with pytest.raises(ApiError):
        storage.send(file, tmp_path / "uploads.json")
    storage.break_at = None
    if change == "content":
        file.write_bytes(CONTENT[::-1])
    else:
        storage.status = "expired"
    storage.send(file, tmp_path / "uploads.json")
    assert storage.begun == 2
    assert b"".join(storage.parts) == file.read_bytes()


def test_a_small_one_comes_at_once(storage: Storage, tmp_path: Path) -> None:
    small = tmp_path / "small.jsonl"
    small.write_bytes(b"{}\n")
    found, shown = storage.send(small, tmp_path / "uploads.json", unused="leave_out")
    assert (found["id"], shown) == ("file-small", [3])
    assert storage.server.paths() == ["POST /v1/files"]
    sent = storage.server.asked[0].content
    assert b'filename="small.jsonl"' in sent
    assert b'name="unused"\r\n\r\nleave_out' in sent


def test_a_file_that_is_not_there_is_named(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(LuthierError, match="no file"):
        storage.send(tmp_path / "nothing.jsonl", tmp_path / "uploads.json")
    assert storage.server.asked == []
