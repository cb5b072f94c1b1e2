"""What a lost wake-up or a crash between two transactions can leave undone, found from the database alone."""

from compute.models import Run
from compute.services import request_stop
from evaluations.models import Evaluation
from evaluations.running.concluding import go_on


def repeat_requests() -> None:
    """Pass on a request to cancel that has not reached its Run."""
    asked = Evaluation.objects.unfinished().filter(cancel_requested_at__isnull=False, run__stop_requested_at=None)
    for evaluation in asked.select_related("run"):
        if evaluation.run is not None:
            request_stop(run=evaluation.run, reason="cancel")


def continue_stranded() -> None:
    """Continue evaluations whose Run has ended without consequences: its kind of work was not registered then."""
    for evaluation in Evaluation.objects.unfinished().filter(run__state=Run.State.ENDED).select_related("run"):
        if evaluation.run is not None:
            go_on(evaluation, evaluation.run, is_lost=True)
