"""Parsing of JSON bodies that strangers send."""

import json
import re
from itertools import islice
from typing import Any

import numpy as np
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from common.errors import UserError

DEEPEST = 100
MOST_QUOTES = 200_000
"""Of strings: two for each. What JSON costs follows from how many values it has, far more than from its length."""
MOST_PARTS = 200_000
"""Brackets and commas outside of strings."""
STRINGS = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
"""Matches at every quote, closed or not, and gives nothing back: one pass over whatever body."""
HALF = re.compile(rb"\\u[dD][89a-fA-F]")
PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""Escapes of half a character, and of both halves of one."""
LOOKED_AT = 100
"""Fields of which one is named: to look at each of very many takes long."""
NO_PARTS = bytes(set(range(256)) - set(b"[]{},"))


class BoundedJSONParser(BaseParser):
    """Read UTF-8 JSON whatever charset the header claims, no deeper than DEEPEST, without NaN."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the value, or raise ParseError with where it goes wrong."""
        body = stream.read()
        _check_shape(body)
        try:
            value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except ValueError as error:
            if not isinstance(error, json.JSONDecodeError) and "digits" in str(error):
                raise ParseError("The body has a number of more digits than can be read.") from None
            raise ParseError(f"The body is not JSON: {error}.") from None
        if HALF.search(body) and HALF.search(PAIR.sub(b" ", body.replace(b"\\\\", b""))):
            _refuse_halves(value)
        return value


def _check_shape(body: bytes) -> None:
    """Refuse what is deeper or has more values than anything here needs, in one pass."""
    if body.count(b'"') - body.count(b'\\"') > MOST_QUOTES:
        raise ParseError(f"The body has more than {MOST_QUOTES // 2:,} texts. Send less at once.")
    parts = np.frombuffer(STRINGS.sub(b"", body).translate(None, delete=NO_PARTS), dtype=np.uint8)
    if len(parts) > MOST_PARTS:
        raise ParseError("The body has more lists, objects and values than are read at once. Send less.")
    opens = (parts == ord("[")) | (parts == ord("{"))
    steps = np.where(opens, 1, np.where(parts == ord(","), 0, -1))
    if len(parts) and int(steps.cumsum().max()) > DEEPEST:
        raise ParseError(f"The body is nested deeper than {DEEPEST} levels.")


def _refuse_halves(value: Any) -> None:
    """Refuse texts that hold half of a character: neither the database nor a reply can carry one."""
    fields = value.items() if isinstance(value, dict) else ()
    where = next((name for name, part in islice(fields, LOOKED_AT) if _is_whole(name) and not _is_whole(part)), None)
    raise UserError(
        f"{where or 'The body'} holds half of a character (\\ud800 to \\udfff). Send whole characters.",
        code="invalid_text",
        param=where,
    )


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
