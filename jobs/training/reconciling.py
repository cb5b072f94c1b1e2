"""What a lost wake-up or a crash between two transactions can leave undone, found from the database alone."""

from django.db.models import Exists, OuterRef, Q

from compute.models import Run
from compute.services import request_stop
from datasets_app.models import TrainingFile
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob
from jobs.training.attempts import close


def to_validate() -> list[str]:
    """Return jobs whose files have been checked, or are gone, but which are not queued, and which nobody prepares."""
    checked = ~Q(training_file__status=TrainingFile.Status.UPLOADED)
    both = checked & (Q(validation_file=None) | ~Q(validation_file__status=TrainingFile.Status.UPLOADED))
    jobs = FineTuningJob.objects.unprepared().filter(both)
    return list(jobs.values_list("pk", flat=True))


def repeat_wishes() -> None:
    """Pass on a request to cancel or pause that its Run has not heard of."""
    jobs = FineTuningJob.objects.filter(status__in=["queued", "running"])
    wished = jobs.filter(Q(cancel_requested_at__isnull=False) | Q(pause_requested_at__isnull=False))
    for job in wished:
        attempt = job.newest_attempt
        if attempt is not None and attempt.run.stop_requested_at is None:
            request_stop(run=attempt.run, reason="cancel" if job.cancel_requested_at else "pause")


def close_lost_attempts() -> None:
    """Conclude attempts whose Run has ended without consequences: its kind of work was not registered then."""
    newer = Attempt.objects.filter(job=OuterRef("job"), number__gt=OuterRef("number"))
    stranded = Attempt.objects.filter(
        ~Exists(newer), run__state=Run.State.ENDED, closed_at=None, job__status__in=["queued", "running"]
    )
    for attempt in stranded:
        close(attempt, retry_message=message("attempt_without_result"))
