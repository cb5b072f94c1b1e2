"""`python -m serving RUN_DIR`: serve what RUN_DIR/spec.json says."""

import sys

from serving.beginning import begin
from serving.spec import ServingSpec


def main(arguments: list[str]) -> int:
    """Serve until stopped; return 0 after a clean stop, 1 after a failure, 2 for a wrong call."""
    begun = begin("serving", arguments, ServingSpec.from_json)
    if isinstance(begun, int):
        return begun
    from serving.server import serve  # torch reads the environment when it is imported

    return serve(begun.spec, begun.events, begun.switch)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
