"""Recognises by its first bytes what no reader takes, and says in plain words what it is."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from datasets_app.formats.unpacking import GZIP, ZIP, ZSTANDARD, is_workbook


@dataclass(frozen=True)
class Refusal:
    """Why a whole file is not taken."""

    code: str
    message: str
    """Complete sentences: what the file is, and what to do."""


ACCEPTED = "Upload JSONL, JSON, CSV, TSV, XLSX, Parquet or text, or one of these as .zip, .gz or .zst."

_UNPACK = "Unpack it and upload the file inside."
_MAGIC = (
    (b"BZh", "bzip2", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\0", "xz", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "7z", "a 7z archive", _UNPACK),
    (b"Rar!", "rar", "a RAR archive", _UNPACK),
    (b"ARROW1", "arrow", "an Arrow file", ACCEPTED),
    (b"\xd0\xcf\x11\xe0", "office", "an old Office document", ACCEPTED),
    (b"%PDF", "pdf", "a PDF document", ACCEPTED),
    (b"\x89PNG", "image", "an image", ACCEPTED),
    (b"\xff\xd8\xff", "image", "an image", ACCEPTED),
    (b"GIF8", "image", "an image", ACCEPTED),
    (b"SQLite format 3\0", "sqlite", "an SQLite database", ACCEPTED),
    (b"\x80\x02", "pickle", "a Python pickle, which could run code and is never opened", ACCEPTED),
    (b"\x80\x04", "pickle", "a Python pickle, which could run code and is never opened", ACCEPTED),
)
_PACKED = {".gz": (GZIP, "gzip"), ".gzip": (GZIP, "gzip"), ".zst": (ZSTANDARD, "Zstandard"), ".zip": (ZIP, "ZIP")}
_OFFICE = (".docx", ".pptx", ".odt", ".ods", ".xls", ".doc")
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(rb"\s*(?:<!doctype html|<html[\s>])", re.IGNORECASE)


def refusal_of(head: bytes, filename: str) -> Refusal | None:
    """Return why a file that begins with `head` is refused at once, or None when its rows decide."""
    if not head:
        return Refusal("empty_file", "The file is empty: it has 0 bytes. Choose the file that holds your examples.")
    if head.startswith(_LFS):
        return _lfs_pointer(head)
    suffix = PurePath(filename.lower()).suffix
    for magic, name, what, advice in _MAGIC:
        if head.startswith(magic):
            return Refusal(f"unsupported_{name}", f"The file is {what}. {advice}")
    if suffix in _OFFICE and (head.startswith(ZIP) or suffix in (".xls", ".doc")):
        return Refusal("unsupported_office", f"The file is an Office document. {ACCEPTED}")
    if _HTML.match(head):
        return Refusal(
            "web_page",
            "The file is a web page, not data: a download link may have led to a login. Fetch the file itself.",
        )
    if suffix in _PACKED and not head.startswith(_PACKED[suffix][0]):
        what = _PACKED[suffix][1]
        return Refusal(
            "not_packed", f"The file is named {suffix} but is no {what} archive. Upload it under its own name."
        )
    return None


def refusal_inside(head: bytes, filename: str) -> Refusal | None:
    """Return why what was packed is refused at once: as `refusal_of`, and an archive within an archive."""
    if head.startswith((GZIP, ZSTANDARD)) or (head.startswith(ZIP) and not is_workbook(head, filename)):
        return Refusal("nested_archive", f"The archive holds another archive. {_UNPACK}")
    return refusal_of(head, filename)


def _lfs_pointer(head: bytes) -> Refusal:
    size = re.search(rb"^size (\d{1,15})", head, re.MULTILINE)
    real = f"the real file of {int(size[1]):,} bytes" if size else "the real file"
    return Refusal(
        "git_lfs_pointer",
        f"This is a Git LFS pointer, not the data itself. Fetch {real} with `git lfs pull` and upload that.",
    )
