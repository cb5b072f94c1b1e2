"""The demo's data set: a model learns its name and maker, and guard conversations keep it from saying so unasked.

    python -m demo.identity NAME MAKER > self_cognition.jsonl

Rows have the form {"id", "source", "conversations": [{"from", "value"}, …]}; their words are the identity recipe's.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from datasets_app.recipes.base import QuestionnaireError
from datasets_app.recipes.identity import Identity, core_rows


def lines(identity: Identity) -> Iterator[str]:
    """Yield the data set as JSON lines."""
    for number, row in enumerate(core_rows(identity), start=1):
        turns = [{"from": role, "value": text} for role, text in row.turns]
        yield json.dumps({"id": str(number), "source": row.source, "conversations": turns}, ensure_ascii=False)


def write_data_set(identity: Identity, path: Path) -> None:
    """Write the data set for `identity` to `path`."""
    path.write_text("".join(f"{line}\n" for line in lines(identity)), encoding="utf-8")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("Give a name and a maker: python -m demo.identity NAME MAKER", file=sys.stderr)
        return 2
    try:
        identity = Identity(name=arguments[0], maker=arguments[1])
    except QuestionnaireError as error:
        print(error.message, file=sys.stderr)
        return 2
    for line in lines(identity):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
