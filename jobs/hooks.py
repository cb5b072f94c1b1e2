"""What apps above register here, since this one must not know them: who follows a job that has succeeded."""

from collections.abc import Callable

from jobs.models import FineTuningJob

Follower = Callable[[FineTuningJob], None]
_followers: list[Follower] = []


def on_succeeded(follower: Follower) -> None:
    """Call `follower(job)` inside the transaction in which a job has succeeded; it must not raise."""
    if follower not in _followers:
        _followers.append(follower)


def notify_succeeded(job: FineTuningJob) -> None:
    """Call every follower."""
    for follower in _followers:
        follower(job)
