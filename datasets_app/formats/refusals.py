"""Recognises by its first bytes what no reader takes, and says in plain words what it is."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from datasets_app.formats.lines import BOM


@dataclass(frozen=True)
class Refusal:
    """Why a whole file is not taken."""

    code: str
    message: str
    """Complete sentences: what the file is, and what to do."""


ACCEPTED = 'Upload JSONL or a JSON array with "messages" or "conversations".'

_MAGIC = (
    (b"\x1f\x8b", "gzip", "a gzip archive", "Unpack it and upload the file inside."),
    (b"BZh", "bzip2", "a bzip2 archive", "Unpack it and upload the file inside."),
    (b"\xfd7zXZ\0", "xz", "an xz archive", "Unpack it and upload the file inside."),
    (b"\x28\xb5\x2f\xfd", "zstandard", "a Zstandard archive", "Unpack it and upload the file inside."),
    (b"7z\xbc\xaf\x27\x1c", "7z", "a 7z archive", "Unpack it and upload the file inside."),
    (b"Rar!", "rar", "a RAR archive", "Unpack it and upload the file inside."),
    (b"PAR1", "parquet", "a Parquet file, which cannot be read yet", ACCEPTED),
    (b"ARROW1", "arrow", "an Arrow file, which cannot be read yet", ACCEPTED),
    (b"\xd0\xcf\x11\xe0", "office", "an old Office document", ACCEPTED),
    (b"%PDF", "pdf", "a PDF document", ACCEPTED),
    (b"\x89PNG", "image", "an image", ACCEPTED),
    (b"\xff\xd8\xff", "image", "an image", ACCEPTED),
    (b"GIF8", "image", "an image", ACCEPTED),
    (b"SQLite format 3\0", "sqlite", "an SQLite database", ACCEPTED),
)
_TABLES = {".csv": "CSV", ".tsv": "TSV"}
_LFS = b"version https://git-lfs.github.com/spec/"


def refusal_of(head: bytes, filename: str) -> Refusal | None:
    """Return why a file that begins with `head` is refused at once, or None when its lines decide."""
    if not head:
        return Refusal("empty_file", "The file is empty: it has 0 bytes. Choose the file that holds your examples.")
    if head.startswith(_LFS):
        return _lfs_pointer(head)
    if _is_utf16(head):
        return Refusal("not_utf8", "The file is saved as UTF-16 or UTF-32. Save it as UTF-8 and upload it again.")
    if head.startswith(b"PK\x03\x04"):
        return _zip(filename)
    for magic, name, what, advice in _MAGIC:
        if head.startswith(magic):
            return Refusal(f"unsupported_{name}", f"The file is {what}. {advice}")
    suffix = PurePath(filename.lower()).suffix
    if suffix in _TABLES and not head.removeprefix(BOM).lstrip().startswith((b"{", b"[")):
        what = _TABLES[suffix]
        return Refusal(
            f"unsupported_{suffix[1:]}", f"The file is a table ({what}), which cannot be read yet. {ACCEPTED}"
        )
    return None


def _lfs_pointer(head: bytes) -> Refusal:
    size = re.search(rb"^size (\d{1,15})", head, re.MULTILINE)
    real = f"the real file of {int(size[1]):,} bytes" if size else "the real file"
    return Refusal(
        "git_lfs_pointer",
        f"This is a Git LFS pointer, not the data itself. Fetch {real} with `git lfs pull` and upload that.",
    )


def _is_utf16(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    # Without a mark: every second byte of Western text, and of JSON's punctuation, is NUL.
    start = head[:256]
    return len(start) >= 4 and (start[:2] in (b"{\0", b"[\0", b"\0{", b"\0[")) and start.count(0) * 4 > len(start)


def _zip(filename: str) -> Refusal:
    suffix = PurePath(filename.lower()).suffix
    if suffix in (".xlsx", ".xlsm"):
        return Refusal("unsupported_xlsx", f"The file is an Excel workbook, which cannot be read yet. {ACCEPTED}")
    if suffix in (".docx", ".pptx", ".odt", ".ods"):
        return Refusal("unsupported_office", f"The file is an Office document. {ACCEPTED}")
    return Refusal("unsupported_zip", "The file is a ZIP archive. Unpack it and upload the file inside.")
