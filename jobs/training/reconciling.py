"""What a lost wake-up or a crash between two transactions can leave undone, found from the database alone."""

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from compute.hours.sums import FULL, notices
from compute.models import HoursNotice, Run
from compute.services import request_stop
from datasets_app.models import TrainingFile
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob
from jobs.training.attempts import close
from ledger.days import next_month
from wording import Message


def with_data_to_read() -> list[str]:
    """Return jobs whose files have been checked, or are gone, but which are neither queued nor being prepared."""
    checked = ~Q(training_file__status=TrainingFile.Status.UPLOADED)
    both = checked & (Q(validation_file=None) | ~Q(validation_file__status=TrainingFile.Status.UPLOADED))
    jobs = FineTuningJob.objects.unprepared().filter(both)
    return list(jobs.values_list("pk", flat=True))


def repeat_requests() -> None:
    """Pass on a request to cancel or pause that has not reached its Run."""
    jobs = FineTuningJob.objects.filter(status__in=["queued", "running"])
    requested = jobs.filter(Q(cancel_requested_at__isnull=False) | Q(pause_requested_at__isnull=False))
    for job in requested:
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


def tell_of_hours() -> None:
    """Tell each job of a team that has used up its accelerator-hours, or nearly, once."""
    for notice in notices().filter(told_at=None):
        with transaction.atomic():
            if not HoursNotice.objects.filter(pk=notice.pk, told_at=None).update(told_at=timezone.now()):
                continue
            for job in FineTuningJob.objects.filter(team=notice.team_id, status__in=["queued", "running"]):
                job.record_event(_said_of_hours(notice), level="warn")


def _said_of_hours(notice: HoursNotice) -> Message:
    resets_on = str(next_month(notice.month))
    if notice.percent < FULL:
        return message("hours_nearly_used", percent=notice.percent, hours=notice.hours, resets_on=resets_on)
    minutes = round(settings.HOURS_GRACE_SECONDS / 60)
    return message("hours_used_up", hours=notice.hours, minutes=minutes, resets_on=resets_on)
