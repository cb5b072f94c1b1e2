"""Files that are made to do harm: each is refused in time and memory that have a bound."""

import csv
import gzip
import io
import json
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest
import zstandard
from asgiref.sync import async_to_sync
from django.test import Client

from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import body_of, checked, lines_of, row, rows

DEEP = 100_000
BOMB_BYTES = 20 * 2**30
ROOT = Path(__file__).parents[3]


def tool_call(arguments: str) -> bytes:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    return lines_of({"messages": turns, "tools": tools})


@pytest.mark.parametrize(
    "content",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"messages":' * DEEP + b"1" + b"}" * DEEP,
        b'{"messages": [{"role": "user", "content": ' + b"[" * DEEP + b"]" * DEEP + b"}]}",
        tool_call("[" * DEEP + "]" * DEEP),
        tool_call('{"a":' * DEEP + "1" + "}" * DEEP),
    ],
    ids=["array", "object", "content", "arguments", "arguments of objects"],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_deep_nesting_is_a_fault(content: bytes, name: str) -> None:
    started_at = time.monotonic()
    report = checked(content, name)
    assert report.num_faults
    assert report.num_rows == 0
    assert time.monotonic() - started_at < 5


def bomb(kind: str, path: Path) -> None:
    """Write a small file that becomes 20 GiB."""
    line = lines_of(row("a" * 1000, "b" * 1000))
    block = line * (2**20 // len(line))
    if kind == "gz":
        part = gzip.compress(block * 16, 9)
        path.write_bytes(part * (BOMB_BYTES // (len(block) * 16)))
    elif kind == "zst":
        part = zstandard.compress(block * 64, 3)
        path.write_bytes(part * (BOMB_BYTES // (len(block) * 64)))
    else:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("a.jsonl", "w", force_zip64=True) as to,
        ):
            for _ in range(2**9):
                to.write(b"\0" * 2**22)


CHECK = textwrap.dedent(
    """
    import re, sys
    from pathlib import Path
    sys.path[:0] = [{root!r}, {root!r} + "/platform"]
    from datasets_app.checking.one_pass import check_file_content
    with open({path!r}, "rb") as stream:
        report = check_file_content(stream, filename={name!r})
    # Not getrusage: that begins with what the process had that this one was forked from.
    peak = re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
    print(report.num_faults, int(peak[1]) // 1024)
    """
)


@pytest.mark.parametrize("kind", ["gz", "zst", "zip"])
def test_a_bomb_ends_at_the_cap(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bomb.jsonl.{kind}" if kind != "zip" else tmp_path / "bomb.zip"
    bomb(kind, path)
    code = CHECK.format(root=str(ROOT), path=str(path), name=path.name)
    started_at = time.monotonic()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    faults, megabytes = map(int, found.stdout.split())
    assert faults >= 1
    assert megabytes < 300
    assert time.monotonic() - started_at < 60


class TestArchives:
    @pytest.mark.parametrize("name", ["../../etc/passwd.jsonl", "/etc/x.jsonl", "..\\..\\x.jsonl", "a/\0b.jsonl"])
    def test_a_name_that_climbs_writes_nothing(self, name: str, tmp_path: Path) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), lines_of(*rows(3)))
        before = set(tmp_path.parent.iterdir())
        report = checked(packed.getvalue(), "a.zip")
        assert report.num_rows == 3 or report.num_faults == 1
        assert set(tmp_path.parent.iterdir()) == before

    def test_a_link_is_not_followed(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            link = zipfile.ZipInfo("a.jsonl")
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
        report = checked(packed.getvalue(), "a.zip")
        assert report.num_faults == 1
        assert "root:" not in json.dumps([str(fault.message) for fault in report.faults])

    def test_an_encrypted_one_says_so(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a.jsonl", lines_of(*rows(3)))
        content = bytearray(packed.getvalue())
        content[6] |= 1  # the general purpose bit of the first entry, then of the directory
        content[content.index(b"PK\x01\x02") + 8] |= 1
        report = checked(bytes(content), "a.zip")
        assert report.num_faults == 1
        assert report.faults[0].message.code == "archive_locked"

    def test_one_inside_another_is_refused(self) -> None:
        inner, outer = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("a.jsonl", lines_of(*rows(3)))
        with zipfile.ZipFile(outer, "w") as archive:
            archive.writestr("a.zip", inner.getvalue())
        (fault,) = checked(outer.getvalue(), "a.zip").faults
        assert fault.kind == "nested_archive"


@pytest.mark.django_db
class TestWhatIsShown:
    FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]

    def test_formulas_in_the_list_of_faults_are_text(self, alice: Member, client: Client) -> None:
        broken = [{"messages": [{"role": text, "content": text}]} for text in self.FORMULAS]
        file = dataset_makers.stored(alice.team, lines_of(*broken))
        reply = client.get(f"/api/v1/files/{file.pk}/faults/content?format=csv", headers=alice.headers)
        content = async_to_sync(body_of)(reply).decode()
        cells = [cell for line in csv.reader(io.StringIO(content)) for cell in line]
        assert len(cells) > 30
        assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]

    @pytest.mark.usefixtures("plain_static")
    def test_markup_in_rows_names_and_faults_is_inert(self, alice: Member, client: Client) -> None:
        evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
        values = [row(evil, evil) for _ in range(3)] + [{"messages": [{"role": evil, "content": evil}]}]
        file = dataset_makers.stored(alice.team, lines_of(*values), f"{evil.replace('/', '')}.jsonl")
        client.force_login(alice.user)
        pages = [f"/datasets/{file.pk}?tab={tab}" for tab in ("rows", "faults", "about")] + ["/datasets"]
        for page in pages:
            reply = client.get(page)
            assert "<img src=x" not in reply.content.decode()
            assert "<script>alert" not in reply.content.decode()
            assert "script-src 'nonce-" in reply["Content-Security-Policy"]

    def test_no_trace_of_python_in_what_is_said(self, alice: Member) -> None:
        file = dataset_makers.stored(alice.team, b"\xff\xfe\x00{[\x00" * 50)
        assert file.status == "error"
        for word in ("Traceback", "Error(", "0x", "<class", "None"):
            assert word not in str(file.status_details)
        assert TrainingFile.objects.get(pk=file.pk).num_rows == 0
