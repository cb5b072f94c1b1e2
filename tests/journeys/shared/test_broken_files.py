"""Broken files get their line and reason, and nothing of them is half-stored."""

import io
import json
from typing import Any

import openai
import pytest

from tests.journeys.data import conversations
from tests.journeys.harness import RunningPlatform, wait_until

pytestmark = [pytest.mark.system]

GOOD = [json.dumps(row).encode() for row in conversations(12)]


def with_line(line: bytes, *, at: int = 5) -> bytes:
    """Return twelve good lines with `line` in place of line `at` (counted from 1)."""
    lines = list(GOOD)
    lines[at - 1] = line
    return b"\n".join(lines) + b"\n"


ONE_LINE_FAULTS = {
    "not json": (b"this is not json", "line 5"),
    "wrong keys": (b'{"question": "a", "answer": "b"}', "line 5"),
    "no assistant turn": (b'{"messages": [{"role": "user", "content": "hi"}]}', "line 5"),
    "ten megabytes": (json.dumps({"messages": [{"role": "user", "content": "x" * 10_000_000}]}).encode(), "line 5"),
    "deep brackets": (b"[" * 100_000 + b"]" * 100_000, "line 5"),
    "empty answer": (
        b'{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": ""}]}',
        "line 5",
    ),
    "binary": (b'{"messages": "\x00\x01\x02\xff\xfe"}', "line 5"),
}


@pytest.fixture(scope="module")
def client(shared_platform: RunningPlatform) -> openai.OpenAI:
    return shared_platform.client(shared_platform.api_key())


def upload(client: openai.OpenAI, content: bytes, name: str = "broken.jsonl") -> Any:
    stream = io.BytesIO(content)
    stream.name = name
    file = client.files.create(file=stream, purpose="fine-tune")

    def checked() -> Any:
        found = client.files.retrieve(file.id)
        return found if found.status != "uploaded" else None

    return wait_until(checked, seconds=30, what="the file's verdict")


@pytest.mark.parametrize("case", ONE_LINE_FAULTS)
def test_one_faulty_line_is_named(client: openai.OpenAI, case: str) -> None:
    line, expected = ONE_LINE_FAULTS[case]
    file = upload(client, with_line(line))
    assert file.status == "error"
    assert expected in str(file.status_details).lower()
    faults = client.get(f"/../api/v1/files/{file.id}/faults", cast_to=dict[str, Any])["data"]
    assert {fault["line"] for fault in faults} == {5}
    assert all(fault["message"] and fault["hint"] for fault in faults)


def test_a_truncated_character_is_named(client: openai.OpenAI) -> None:
    file = upload(client, b"\n".join(GOOD) + b"\n" + '{"messages": "你'.encode()[:-1])
    assert file.status == "error"
    assert "line 13" in str(file.status_details).lower()


def test_an_empty_file_is_refused_and_not_kept(client: openai.OpenAI, shared_platform: RunningPlatform) -> None:
    before = stored_bytes(shared_platform)
    with pytest.raises(openai.BadRequestError, match="empty"):
        upload(client, b"")
    assert stored_bytes(shared_platform) == before


def test_a_job_on_a_broken_file_is_refused_with_its_line(client: openai.OpenAI) -> None:
    file = upload(client, with_line(b"nonsense"))
    with pytest.raises(openai.BadRequestError, match=r"(?i)line 5"):
        client.fine_tuning.jobs.create(model="tiny", training_file=file.id)


def test_too_few_conversations_are_counted(client: openai.OpenAI) -> None:
    file = upload(client, b"\n".join(GOOD[:3]))
    with pytest.raises(openai.BadRequestError, match=r"3.*10|10.*3"):
        client.fine_tuning.jobs.create(model="tiny", training_file=file.id)


def test_the_seeds_array_in_a_jsonl_file_is_read(client: openai.OpenAI) -> None:
    rows = [
        {
            "id": str(n),
            "source": "cot",
            "conversations": [
                {"from": "user", "value": f"你好 {n}"},
                {"from": "assistant", "value": "您好，我是小智。"},
            ],
        }
        for n in range(12)
    ]
    file = upload(client, json.dumps(rows, ensure_ascii=False, indent=1).encode(), name="article.jsonl")
    assert file.status == "processed", file.status_details


def stored_bytes(platform: RunningPlatform) -> int:
    folder = platform.home / "storage" / "datasets"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
