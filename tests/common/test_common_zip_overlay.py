"""A stored ZIP file is sent with one file more, and stays as it is."""

import io
import zipfile

import pytest

from common.zip_overlay import WithFile


def archive_of(**files: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return written.getvalue()


def read_in_blocks(content: WithFile, size: int) -> bytes:
    return b"".join(iter(lambda: content.read(size), b""))


@pytest.mark.parametrize("size", [1, 7, 10**6, -1])
def test_has_all_files_and_leaves_the_stored_bytes_alone(size: int) -> None:
    before = archive_of(first="琴" * 500, second="two")
    stored = io.BytesIO(before)
    content = WithFile(stored, "README.md", "# 琴匠")
    sent = read_in_blocks(content, size)
    assert len(sent) == content.num_bytes
    assert stored.getvalue() == before
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["first", "second", "README.md"]
        assert archive.read("README.md").decode() == "# 琴匠"
    content.close()
    assert stored.closed


def test_is_read_whole_at_once() -> None:
    content = WithFile(io.BytesIO(archive_of(first="one")), "README.md", "two")
    whole = content.read()
    assert (len(whole), content.read()) == (content.num_bytes, b"")


def test_an_empty_archive_gets_its_first_file() -> None:
    with zipfile.ZipFile(io.BytesIO(WithFile(io.BytesIO(archive_of()), "only", "x").read())) as archive:
        assert archive.namelist() == ["only"]
