"""Reads multipart/form-data as a stream: one file into a spool, a few short fields into memory."""

import re
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from common.errors import UserError
from datasets_app.messages import message
from datasets_app.storage.spool import Spool
from wording import Message

MOST_PARTS = 20
LONGEST_FIELD = 64 * 1024
"""Bytes of a text field."""
_EXTENDED_NAME = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)


class Form:
    """What has been received of a form so far. `feed` it the body, then call `finish`."""

    def __init__(self, content_type: str, *, file_field: str, limit: int) -> None:
        """Take the file of field `file_field` with at most `limit` bytes; UserError for another content type."""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UserError(message("send_multipart"), code="unsupported_media_type", status=415)
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.spool: Spool | None = None
        self._file_field, self._limit = file_field, limit
        self._num_parts = 0
        self._is_whole = False
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = ""
        self._field: str | None = None
        self._text = bytearray()
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks=self._callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def feed(self, body: bytes) -> None:
        """Take the next bytes of the body; UserError as soon as they cannot be accepted."""
        try:
            self._parser.write(body)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def finish(self) -> Spool:
        """Return the file; UserError when the body broke off or contained none."""
        if not self._is_whole:
            raise _malformed(message("form_ends_early"))
        if self.spool is None:
            missing = message("form_without_file", field=repr(self._file_field))
            raise UserError(missing, code="missing_file", param=self._file_field)
        return self.spool

    def discard(self) -> None:
        """Delete what has been received."""
        if self.spool is not None:
            self.spool.discard()

    def _callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._num_parts += 1
        if self._num_parts > MOST_PARTS:
            raise UserError(message("form_of_many_parts", most=MOST_PARTS), code="too_many_parts")
        self._disposition = ""
        self._field = None
        self._text.clear()

    def _end_header(self) -> None:
        if bytes(self._header_name).strip().lower() == b"content-disposition":
            self._disposition = bytes(self._header_value).decode("utf-8", "replace")
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        name, filename = _names(self._disposition)
        if name is None:
            raise _malformed(message("form_part_without_name"))
        if name == self._file_field:
            if self.spool is not None:
                raise UserError(message("form_with_two_files", field=repr(name)), code="two_files", param=name)
            self.spool = Spool(limit=self._limit)
            self.filename = filename
        elif name in self.fields:
            raise UserError(message("form_field_twice", field=repr(name[:40])), code="repeated_field", param=name[:40])
        else:
            self._field = name

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            assert self.spool is not None
            self.spool.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > LONGEST_FIELD:
            name = self._field[:40]
            too_long = message("form_field_too_long", field=repr(name), most=LONGEST_FIELD)
            raise UserError(too_long, code="field_too_long", param=name)

    def _end_part(self) -> None:
        if self._field is not None:
            self.fields[self._field] = bytes(self._text).decode("utf-8", "replace")

    def _end(self) -> None:
        self._is_whole = True


def _names(disposition: str) -> tuple[str | None, str]:
    """Return the field's name and the file's of a Content-Disposition header."""
    # The parser knows latin-1 only; browsers and SDKs send UTF-8.
    options = parse_options_header(disposition.encode().decode("latin-1"))[1]
    name = options.get(b"name")
    filename = options.get(b"filename", b"").decode("utf-8", "replace")
    if not filename and (extended := _EXTENDED_NAME.search(disposition)):
        filename = unquote(extended[1], errors="replace")
    # How browsers and httpx write a quote within a name.
    filename = filename.replace("%22", '"').replace("%0D", "").replace("%0A", "")
    return (name.decode("utf-8", "replace") if name else None), filename


def _malformed(reason: Message | str) -> UserError:
    return UserError(message("malformed_form", reason=reason[:200] if isinstance(reason, str) else reason))
