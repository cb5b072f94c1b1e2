"""A tiny model folder, and a server on this machine that speaks the hubs' HTTP interfaces."""

import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import settings

CONFIG = {
    "model_type": "llama",
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "vocab_size": 32,
    "max_position_embeddings": 64,
}


def safetensors(tensors: dict[str, list[int]]) -> bytes:
    """Return a whole file of bfloat16 zeros."""
    header: dict[str, Any] = {}
    offset = 0
    for name, shape in tensors.items():
        size = 2
        for length in shape:
            size *= length
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(offset)


WEIGHTS = safetensors({"model.embed_tokens.weight": [4096, 64], "model.norm.weight": [8]})


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@dataclass
class FakeHub:
    """What the server gives, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: dict[str, int] = field(default_factory=dict)
    """Bytes of a file after which the connection breaks, once."""
    stated_sha256: dict[str, str] = field(default_factory=dict)
    redirect_weights_to: str = ""
    token: str = ""
    address: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def sha256(self, name: str) -> str:
        return self.stated_sha256.get(name) or hashlib.sha256(self.files[name]).hexdigest()

    def asked_for(self, name: str) -> list[dict[str, str]]:
        return [headers for path, headers in self.requests if path.endswith(f"/{name}")]


def handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((path, dict(self.headers)))
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self.answer(401, b"{}")
            if path == "/api/models/owner/tiny/tree/main":
                return self.answer(200, json.dumps(hugging_face_listing(hub)).encode())
            if path == "/api/v1/models/owner/tiny/repo/files":
                return self.answer(200, json.dumps(modelscope_listing(hub)).encode())
            name = path.rpartition("/")[2]
            if "/resolve/" not in path or name not in hub.files:
                return self.answer(404, b"{}")
            if hub.redirect_weights_to and name.endswith(".safetensors"):
                return self.answer(302, b"", {"Location": hub.redirect_weights_to})
            return self.send_file(name)

        def send_file(self, name: str) -> None:
            content, first = hub.files[name], 0
            if wanted := self.headers.get("Range"):
                first = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            end = hub.cut_after.pop(name, len(content))
            self.wfile.write(content[first:end])
            if end < len(content):
                self.close_connection = True

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def hugging_face_listing(hub: FakeHub) -> list[dict[str, Any]]:
    """As GET /api/models/{repo}/tree/{revision} answers: weights lie in LFS, whose oid is their SHA-256."""
    rows: list[dict[str, Any]] = [{"type": "directory", "path": "onnx", "oid": "0" * 40, "size": 0}]
    for name, content in hub.files.items():
        row: dict[str, Any] = {"type": "file", "path": name, "oid": "1" * 40, "size": len(content)}
        if name.endswith((".safetensors", ".bin")):
            row["lfs"] = {"oid": hub.sha256(name), "size": len(content), "pointerSize": 134}
        rows.append(row)
    return rows


def modelscope_listing(hub: FakeHub) -> dict[str, Any]:
    """As GET /api/v1/models/{repo}/repo/files answers."""
    files = [
        {"Name": name, "Path": name, "Size": len(content), "Sha256": hub.sha256(name), "Type": "blob"}
        for name, content in hub.files.items()
    ]
    return {"Code": 200, "Data": {"Files": files}, "Success": True}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    fake = FakeHub(
        files={
            "config.json": json.dumps(CONFIG).encode(),
            "tokenizer.json": b"{}",
            "tokenizer_config.json": b"{}",
            "model.safetensors": WEIGHTS,
            "pytorch_model.bin": b"never",
            "modeling_tiny.py": b"never",
            "consolidated.safetensors": WEIGHTS,
        }
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(fake))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(settings.HUB_MIRRORS, "huggingface", fake.address)
    monkeypatch.setitem(settings.HUB_MIRRORS, "modelscope", fake.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()
