"""Parsing of JSON bodies that strangers send."""

import json
import re
from typing import Any

import numpy as np
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

DEEPEST = 100
STRINGS = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
"""Matches at every quote, closed or not, and gives nothing back: one pass over whatever body."""
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BoundedJSONParser(BaseParser):
    """Read UTF-8 JSON whatever charset the header claims, no deeper than DEEPEST, without NaN."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the value, or raise ParseError with where it goes wrong."""
        body = stream.read()
        if _depth(body) > DEEPEST:
            raise ParseError(f"The body is nested deeper than {DEEPEST} levels.")
        try:
            return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None


def _depth(body: bytes) -> int:
    """Return how deep brackets nest outside of strings, in one pass."""
    brackets = np.frombuffer(STRINGS.sub(b"", body).translate(None, delete=NO_BRACKETS), dtype=np.uint8)
    if not len(brackets):
        return 0
    opens = (brackets == ord("[")) | (brackets == ord("{"))
    return max(0, int(np.where(opens, 1, -1).cumsum().max()))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
