"""A file's tokens are the same bytes whether one process makes them or many."""

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from chat import ChatFormat
from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.tokens import caches, pool, tokenising
from datasets_app.tokens.tokenising import Cut, RawLines, Task
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, row, rows, stored

pytestmark = pytest.mark.django_db

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def mixed(number: int) -> list[dict[str, Any]]:
    """Return rows of every kind, in blocks of ordinary ones and in between."""
    found: list[dict[str, Any]] = []
    for n in range(number):
        found.append(row(f"Question {n} 你好?" * (1 + n % 5), f"Answer {n}. " * (1 + n % 7)))
        if n % 50 == 7:
            found.append(row("What is <|im_end|>?", "It ends a turn: <|im_end|>"))
        if n % 50 == 9:
            found.append({"messages": [*row("a", "b")["messages"], *row("c", "d")["messages"]]})
        if n % 50 == 11:
            turns = row("x", "y")["messages"]
            found.append({"messages": [*turns[:1], {**turns[1], "weight": 0}, *row("z", "w")["messages"]]})
        if n % 50 == 13:
            found.append(row("very long " * 200, "cut away"))
        if n % 50 == 17:
            found.append(row("q", "very long answer " * 200))
    return found


def processed(alice: Member, content: bytes, name: str = "chats.jsonl") -> TrainingFile:
    file = stored(alice.team, content, name)
    assert file.is_processed, file.status_details
    return file


def made(file: TrainingFile, chat: ChatFormat, folder: Path, **values: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the summary and every file of the caches."""
    found = services.ensure_tokens(
        file=file, validation_file=None, chat=chat, max_seq_len=400,
        **{"data_split": "1,0,0", "validation_share": 0.2, "seed": 3, **values},
    )  # fmt: skip
    paths = found.train.parent.rglob("*.bin")
    return found.meta, {path.relative_to(found.train.parent).as_posix(): path.read_bytes() for path in paths}


def forget(home: Path) -> None:
    for path in (home / "tokens").iterdir():
        path.rename(path.with_name(f"old-{time.monotonic_ns()}"))


def csv_of(number: int) -> bytes:
    lines = [b'"Question %d,\r\nsecond line",Answer %d\r\n' % (n, n) for n in range(number)]
    return b"prompt,completion\r\n" + b"".join(lines)


def sharegpt(number: int) -> list[dict[str, Any]]:
    turns = [(f"q{n}", f"a{n}") for n in range(number)]
    return [{"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]} for q, a in turns]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chats.jsonl", lines_of(*mixed(400))),
        ("crlf.jsonl", b"\xef\xbb\xbf" + lines_of(*mixed(60)).replace(b"\n", b"\r\n\r\n")),
        ("utf16.jsonl", lines_of(*mixed(60)).decode().encode("utf-16")),
        ("packed.jsonl.gz", gzip.compress(lines_of(*mixed(60)))),
        ("table.csv", csv_of(80)),
        ("array.json", json.dumps(mixed(60)).encode()),
        ("sharegpt.jsonl", lines_of(*sharegpt(80))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("values", [{}, {"data_split": "2,1,1", "seed": 5}], ids=["whole", "phase"])
def test_many_processes_write_the_same_bytes(
    alice: Member, chat: ChatFormat, home: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes,
    values: dict[str, Any],
) -> None:  # fmt: skip
    file = processed(alice, content, name)
    alone = made(file, chat, home, **values)
    forget(home)
    monkeypatch.setattr(caches, "PARALLEL_BYTES", 0)
    monkeypatch.setattr(tokenising, "BLOCK_BYTES", 5000)
    monkeypatch.setattr(caches, "BLOCK_ROWS", 16)
    monkeypatch.setattr(caches, "num_workers", lambda: 3)
    assert made(file, chat, home, **values) == alone
    assert alone[0]["train"]["rows"] > 20


def test_a_row_that_the_template_cannot_write_is_named_by_a_worker_too(
    alice: Member, chat: ChatFormat, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rows(300)
    values[211]["tools"] = [TOOL]
    file = processed(alice, lines_of(*values))
    with pytest.raises(UserError) as alone:
        made(file, chat, home)
    monkeypatch.setattr(caches, "PARALLEL_BYTES", 0)
    monkeypatch.setattr(tokenising, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(caches, "num_workers", lambda: 2)
    with pytest.raises(UserError) as together:
        made(file, chat, home)
    assert str(together.value.message) == str(alone.value.message)
    assert str(together.value.message).startswith("Line 212 of chats.jsonl")
    assert not children(), "every worker is gone"


def children() -> list[str]:
    command = ["pgrep", "-P", str(os.getpid()), "-f", "datasets_app.tokens.worker"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


def blocks(number: int) -> list[RawLines]:
    return [RawLines(first_line=1 + n, content=lines_of(row(f"q{n}", f"a{n}"))) for n in range(number)]


def task() -> Task:
    return Task(chat_folder="", cut=Cut(max_seq_len=100), reading={}, filename="a.jsonl")


def test_a_worker_that_is_killed_is_an_error_with_its_last_words(chat: ChatFormat, home: Path) -> None:
    given = iter(blocks(2000))
    found = pool.tokenised(given, chat=chat, task=task(), workers=2)
    next(found)
    for pid in children():
        os.kill(int(pid), signal.SIGKILL)
    with pytest.raises(pool.WorkerLost):
        list(found)
    assert not children()


def test_who_stops_early_leaves_no_process_and_no_file(chat: ChatFormat, home: Path) -> None:
    found = pool.tokenised(iter(blocks(50)), chat=chat, task=task(), workers=2)
    next(found)
    assert len(children()) == 2
    found.close()
    assert not children()
    assert not list((home / "tmp").glob("chat-*"))


def test_workers_end_with_their_parent(chat: ChatFormat, home: Path) -> None:
    worker = pool._Worker(task())
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(timeout=20) == 0
    worker.stop()


def test_workers_know_no_secret(chat: ChatFormat, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_SECRET_KEY", "hidden")
    worker = pool._Worker(task())
    environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    worker.stop()
    assert b"hidden" not in environment
    assert b"DATABASE" not in environment
