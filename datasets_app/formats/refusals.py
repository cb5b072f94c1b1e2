"""Recognises by its first bytes what no reader takes, and says in plain words what it is."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from datasets_app.formats.unpacking import GZIP, ZIP, ZSTANDARD, is_workbook
from datasets_app.messages import message
from wording import Message


@dataclass(frozen=True)
class Refusal:
    """Why a whole file is not taken."""

    code: str
    message: Message
    """What the file is, and what to do."""


_ACCEPTED = message("upload_accepted")
_UNPACK = message("unpack_it")
_MAGIC = (
    (b"BZh", "bzip2", message("a_bzip2_archive"), _UNPACK),
    (b"\xfd7zXZ\0", "xz", message("an_xz_archive"), _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "7z", message("a_7z_archive"), _UNPACK),
    (b"Rar!", "rar", message("a_rar_archive"), _UNPACK),
    (b"ARROW1", "arrow", message("an_arrow_file"), _ACCEPTED),
    (b"\xd0\xcf\x11\xe0", "office", message("an_old_office_document"), _ACCEPTED),
    (b"%PDF", "pdf", message("a_pdf_document"), _ACCEPTED),
    (b"\x89PNG", "image", message("an_image"), _ACCEPTED),
    (b"\xff\xd8\xff", "image", message("an_image"), _ACCEPTED),
    (b"GIF8", "image", message("an_image"), _ACCEPTED),
    (b"SQLite format 3\0", "sqlite", message("an_sqlite_database"), _ACCEPTED),
    (b"\x80\x02", "pickle", message("a_python_pickle"), _ACCEPTED),
    (b"\x80\x04", "pickle", message("a_python_pickle"), _ACCEPTED),
)
_PACKED = {".gz": (GZIP, "gzip"), ".gzip": (GZIP, "gzip"), ".zst": (ZSTANDARD, "Zstandard"), ".zip": (ZIP, "ZIP")}
_OFFICE = (".docx", ".pptx", ".odt", ".ods", ".xls", ".doc")
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(rb"\s*(?:<!doctype html|<html[\s>])", re.IGNORECASE)


def refusal_of(head: bytes, filename: str) -> Refusal | None:
    """Return why a file that begins with `head` is refused at once, or None when its rows decide."""
    if not head:
        return Refusal("empty_file", message("empty_file").followed_by(message("choose_the_examples")))
    if head.startswith(_LFS):
        return _lfs_pointer(head)
    suffix = PurePath(filename.lower()).suffix
    for magic, name, what, advice in _MAGIC:
        if head.startswith(magic):
            return Refusal(f"unsupported_{name}", message("file_is", what=what).followed_by(advice))
    if suffix in _OFFICE and (head.startswith(ZIP) or suffix in (".xls", ".doc")):
        return Refusal("unsupported_office", message("an_office_document").followed_by(_ACCEPTED))
    if _HTML.match(head):
        return Refusal("web_page", message("web_page"))
    if suffix in _PACKED and not head.startswith(_PACKED[suffix][0]):
        return Refusal("not_packed", message("not_packed", suffix=suffix, kind=_PACKED[suffix][1]))
    return None


def refusal_inside(head: bytes, filename: str) -> Refusal | None:
    """Return why what was packed is refused at once: as `refusal_of`, and an archive within an archive."""
    if head.startswith((GZIP, ZSTANDARD)) or (head.startswith(ZIP) and not is_workbook(head, filename)):
        return Refusal("nested_archive", message("nested_archive").followed_by(_UNPACK))
    return refusal_of(head, filename)


def _lfs_pointer(head: bytes) -> Refusal:
    size = re.search(rb"^size (\d{1,15})", head, re.MULTILINE)
    real = message("the_real_file_of", bytes=int(size[1])) if size else message("the_real_file")
    return Refusal("git_lfs_pointer", message("git_lfs_pointer").followed_by(message("fetch_from_lfs", what=real)))
