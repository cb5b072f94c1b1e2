"""Every waiting time of the platform in one place, scaled together in tests."""

from dataclasses import dataclass, fields, replace

SHORTEST_TAIL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds."""

    lease_seconds: float = 60
    """How long a supervisor holds a Run without renewing, by the database's clock."""
    lease_renew_seconds: float = 10
    lease_retry_seconds: float = 1
    lease_checkpoint_seconds: float = 40
    """A tree that has seen no new lease value for so long checkpoints and stops."""
    lease_timeout_seconds: float = 50
    """At this age of the lease a tree exits regardless: before anyone else may take the Run."""
    reconcile_seconds: float = 3
    preparing_silent_seconds: float = 20
    """A worker that reads a job's data and has shown no life for so long is dead: another one takes the job up."""
    storage_away_seconds: float = 900
    """So long something outside, such as object storage, may be away while accelerators wait for it."""
    result_away_seconds: float = 6 * 3600
    """So long it may be away while a result, which holds none, waits to be stored."""
    tail_seconds: float = 0.5
    """How often a supervisor looks for new events."""
    checkpoint_seconds: float = 20
    """How long a training is taken to need to give its devices back once it is asked to."""
    stop_grace_seconds: float = 45
    """From SIGTERM to SIGKILL."""
    node_silent_seconds: float = 30
    """A node that has been silent for so long gets no new Runs."""
    sample_seconds: float = 5
    """How often a node looks at what its devices and Runs use."""
    replica_idle_seconds: float = 600
    """A shared replica without a request for so long goes to sleep."""
    wake_hold_seconds: float = 60
    """How long a request is held while a replica wakes."""
    stream_stall_seconds: float = 60
    """A streamed answer of which its reader takes nothing for so long ends: it holds a replica that others share."""
    webhook_retry_seconds: float = 5
    """After which a delivery that has not arrived is tried again; four times as long after each further failure."""
    webhook_longest_retry_seconds: float = 6 * 3600
    webhook_give_up_seconds: float = 3 * 86_400
    """So long a delivery is tried again and again."""

    @classmethod
    def scaled(cls, factor: float) -> "Times":
        """Return all times multiplied by `factor`; no look at events oftener than what it costs is worth."""
        scaled = cls(**{f.name: f.default * factor for f in fields(cls)})  # type: ignore[operator]
        return replace(scaled, tail_seconds=max(scaled.tail_seconds, SHORTEST_TAIL_SECONDS))
