"""Parsing of JSON bodies that strangers send."""

import json
import re
from itertools import islice
from typing import Any

import numpy as np
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from common.errors import UserError
from common.wording import in_words
from console.messages import message
from wording import Message

DEEPEST = 100
MOST_QUOTES = 200_000
"""Of strings: two for each. What JSON costs follows from how many values it has, far more than from its length."""
MOST_PARTS = 200_000
"""Brackets and commas outside of strings."""
STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""Matches at every quote, closed or not, and gives nothing back: one pass over any body."""
HALF = re.compile(rb"\\u[dD][89a-fA-F]")
PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""Escapes of half a character, and of both halves of one."""
LOOKED_AT = 100
"""Fields of which one is named: to look at each of very many takes long."""
NO_PARTS = bytes(set(range(256)) - set(b"[]{},"))


class BoundedJSONParser(BaseParser):
    """Read UTF-8 JSON, whatever charset the header claims, no deeper than DEEPEST, without NaN."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the value, or raise ParseError with where it goes wrong."""
        body = stream.read()
        _check_shape(body)
        try:
            value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError:
            raise _unreadable(message("body_no_utf8")) from None
        except ValueError as error:
            if not isinstance(error, json.JSONDecodeError) and "digits" in str(error):
                raise _unreadable(message("number_too_long")) from None
            raise _unreadable(message("body_no_json", reason=str(error))) from None
        if HALF.search(body) and HALF.search(PAIR.sub(b" ", body.replace(b"\\\\", b""))):
            _refuse_halves(value)
        return value


def _check_shape(body: bytes) -> None:
    """Refuse what is deeper or has more values than anything here needs, in one pass."""
    if body.count(b'"') - body.count(b'\\"') > MOST_QUOTES:
        raise _unreadable(message("body_too_many_texts", texts=MOST_QUOTES // 2))
    parts = np.frombuffer(STRINGS.sub(b"", body).translate(None, delete=NO_PARTS), dtype=np.uint8)
    if len(parts) > MOST_PARTS:
        raise _unreadable(message("body_too_many_values"))
    opens = (parts == ord("[")) | (parts == ord("{"))
    steps = np.where(opens, 1, np.where(parts == ord(","), 0, -1))
    if len(parts) and int(steps.cumsum().max()) > DEEPEST:
        raise _unreadable(message("body_too_deep", levels=DEEPEST))


def _refuse_halves(value: Any) -> None:
    """Refuse texts that hold half of a character: neither the database nor a reply can carry one."""
    fields = value.items() if isinstance(value, dict) else ()
    where = next((name for name, part in islice(fields, LOOKED_AT) if _is_whole(name) and not _is_whole(part)), None)
    said = message("half_character_in", field=where) if where else message("half_character")
    raise UserError(said, code="invalid_text", param=where)


def _unreadable(said: Message) -> ParseError:
    return ParseError(in_words(said))


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
