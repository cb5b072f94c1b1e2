"""Whether an answer is JSON, and of the form that was asked for."""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from scoring.errors import ScoringError
from scoring.messages import message

_NO_JSON = object()


def is_json(answer: str, expected: str = "") -> float:
    """Return 1 where the whole answer is one JSON value: no words around it, no fence, no NaN."""
    return float(read_json(answer) is not _NO_JSON)


def fits(schema: Any) -> Callable[[str, str], float]:
    """Return a function that gives 1 where an answer is JSON and fits `schema` (its $schema, else draft 2020-12).

    Nothing outside `schema` is fetched: a $ref must lead to a place in it.
    """
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        if not isinstance(schema, (dict, bool)):
            raise jsonschema.SchemaError("it is neither an object nor true or false")
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ScoringError(message("schema_invalid", reason=error.message), field="schema") from error
    # An empty registry: the default one opens the addresses of a $ref.
    validator = kind(schema, registry=Registry())

    def of_row(answer: str, expected: str = "") -> float:
        value = read_json(answer)
        try:
            return float(value is not _NO_JSON and validator.is_valid(value))
        except (Unresolvable, re.error, RecursionError) as error:
            raise ScoringError(message("schema_invalid", reason=str(error)), field="schema") from error

    return of_row


def read_json(answer: str) -> Any:
    """Return the value that `answer` is; an object that is no JSON value where it is none."""
    try:
        return json.loads(answer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _NO_JSON


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
