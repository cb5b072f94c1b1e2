"""The acceptance test at a training's end: the tuned model and its base are asked, and the answers are judged."""

import torch

import chat
from trainer.failures import classify
from trainer.messages import message
from trainer.probes import answer, prompt_ids
from trainer.reporting import Reporter
from trainer.result import Tuned
from trainer.spec import TrainingSpec
from wording import Message

LEAST_NEW_TOKENS, MOST_NEW_TOKENS = 64, 512
"""An answer may be as long as those that are expected, within these."""
BYTES_PER_TOKEN = 2
"""Of an answer, at least: most languages have more."""
ASKED_TOGETHER = 32
"""Prompts in one batch: enough to be quick, few enough for the memory that the training had."""


def hold_acceptance_test(spec: TrainingSpec, tuned: Tuned, chat_format: "chat.ChatFormat", reporter: Reporter) -> None:
    """Ask `spec.acceptance`'s questions and report the verdict; the result is safe, so nothing here ends the run."""
    tests = [chat.AcceptanceTest.from_json(test) for test in spec.acceptance]
    if not tests:
        return
    reporter.stage(message("asking_questions", questions=len(tests)))
    try:
        answers = _answers(tuned, tests, chat_format)
        before: list[str | None] = [None] * len(tests)
        if tuned.without_adapter is not None:
            with tuned.without_adapter():
                before = list(_answers(tuned, tests, chat_format))
    except (RuntimeError, chat.ChatError) as error:  # memory that is gone is a RuntimeError too
        reporter.log_traceback(error)
        reporter.warn(message("acceptance_not_held", reason=_reason(error)))
        return
    found = chat.verdict(tests, answers, before=before, needed=spec.acceptance_needed)
    right = sum(count["right"] for count in found["topics"].values())
    code = "acceptance_passed" if found["passed"] else "acceptance_not_passed"
    reporter.event("acceptance", message(code, right=right, questions=len(tests)), **found)


def _reason(error: Exception) -> Message:
    """Say what was wrong; the training is over by now, so that what a failure advises would be no help."""
    if isinstance(error, chat.ChatError):
        return error.message
    if classify(error, step=0).code == "out_of_memory":
        return message("no_memory_for_answers")
    return message("unknown_error").followed_by(message("details_in_log"))


def answer_tokens(tests: "list[chat.AcceptanceTest]") -> int:
    """Return how long an answer may become: as the longest that is expected, with room to be otherwise."""
    longest = max(len(test.expected.encode()) for test in tests) // BYTES_PER_TOKEN
    return min(MOST_NEW_TOKENS, max(LEAST_NEW_TOKENS, longest))


@torch.inference_mode()
def _answers(tuned: Tuned, tests: "list[chat.AcceptanceTest]", chat_format: "chat.ChatFormat") -> list[str]:
    """Return each test's answer, said greedily."""
    prompts = prompt_ids(chat_format, [list(test.messages) for test in tests])
    texts = []
    max_new_tokens = answer_tokens(tests)
    for start in range(0, len(prompts), ASKED_TOGETHER):
        batch = prompts[start : start + ASKED_TOGETHER]
        said = answer(tuned.causal, batch, set(chat_format.stop_ids), max_new_tokens=max_new_tokens)
        texts += [chat_format.decode(ids) for ids, _stopped in said]
    return texts
