"""`python -m evaluating RUN_DIR`: ask and measure the models that RUN_DIR/spec.json names."""

import sys

from evaluating.spec import EvaluationSpec
from serving.beginning import begin


def main(arguments: list[str]) -> int:
    """Evaluate; return 0 after the last answer or a clean stop, 1 after a failure, 2 for a wrong call."""
    begun = begin("evaluating", arguments, EvaluationSpec.from_json)
    if isinstance(begun, int):
        return begun
    from evaluating.evaluation import evaluate  # torch reads the environment when it is imported

    return evaluate(begun.directory, begun.spec, begun.events, begun.switch)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
