"""The Runs of an evaluation: asked for one after another, each in the place in line that the first one had."""

from compute.beside import NO_DEVICE
from compute.models import Node, Run
from compute.services import request_run
from evaluations.models import EvalRun, Evaluation, Subject
from wording import Message

KIND = "evaluation"
LOAD_SECONDS = 15
WORK_A_SECOND = {Node.Kind.CPU: 2e10, Node.Kind.CUDA: 2e12}
"""Parameters times tokens that the engine does, roughly: what an evaluation is foretold to last follows from it."""


MAX_TOKENS = 256
MAX_TOKENS_OF_JOB = 96
"""Of an evaluation that the platform makes by itself: enough to hear whether an answer is right, and ends."""

BYTES_PER_TOKEN = 2
"""Of an answer that is expected, at least."""


def max_tokens_of(evaluation: Evaluation) -> int:
    """Return the longest answer that is waited for."""
    if (of_eval := EvalRun.objects.filter(evaluation=evaluation).first()) is not None:
        return of_eval.max_tokens
    if evaluation.job is None:
        return MAX_TOKENS
    expected = (len(test.get("expected", "").encode()) for test in evaluation.job.acceptance.get("tests", []))
    return min(MAX_TOKENS, max(MAX_TOKENS_OF_JOB, max(expected, default=0) // BYTES_PER_TOKEN))


def queue_run(evaluation: Evaluation, *, answers: int, max_tokens: int) -> Run:
    """Ask for the evaluation's next Run, inside the caller's transaction.

    One that the platform makes by itself is in nobody's way: on cores it computes beside what holds them, on GPUs it
    gives way to whatever waits. Its answers are kept then, and the rest are asked later.
    """
    subjects = list(evaluation.subjects.select_related("base_model"))
    if evaluation.job_id is not None:  # of checkpoints little is asked, and it is about the job's model
        subjects = [subject for subject in subjects if subject.kind != Subject.Kind.CHECKPOINT]
    has_gpus = Node.objects.heard().filter(kind=Node.Kind.CUDA).exists()
    parameters = sum(subject.base_model.parameters for subject in subjects)
    kind = Node.Kind.CUDA if has_gpus else Node.Kind.CPU
    run = request_run(
        kind=KIND,
        team=evaluation.team,
        accelerators=1 if has_gpus else NO_DEVICE if evaluation.job_id is not None else None,
        priority=evaluation.priority,
        queued_at=evaluation.queued_at,
        user=evaluation.created_by,
        yields=evaluation.job_id is not None,
        label=evaluation.name,
        model=subjects[-1].name if subjects else "",
        expected_seconds=LOAD_SECONDS + answers * max_tokens * parameters / WORK_A_SECOND[kind],
    )
    Evaluation.objects.filter(pk=evaluation.pk).update(run=run)
    evaluation.run = run
    return run


def keep_place(run: Run, said: Message) -> None:
    """Give the evaluation the place and the priority that an administrator gave its waiting Run."""
    Evaluation.objects.filter(run=run).update(queued_at=run.queued_at, priority=run.priority)
