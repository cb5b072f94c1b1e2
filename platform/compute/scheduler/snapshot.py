"""What the scheduler sees and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compute.explanations import Explanation


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A Run in the queue."""

    run_id: str
    team_id: int
    user_id: int | None = None
    priority: int = 0
    accelerators: int | None
    """None: "auto"; 0: no device."""
    min_accelerators: int | None = None
    """The fewest that "auto" begins with; None: one."""
    kept_accelerators: int | None = None
    """What its work had before, when "auto" continues with it."""
    most_seconds: float | None = None
    """It will have ended so long after its start; None: nobody knows."""
    expected_seconds: float | None = None
    """It should have ended so long after its start."""
    preemptible: bool = True
    counts_in_quota: bool = True
    stop_requested: bool = False
    claimed_node: int | None = None
    """Where devices are coming free for it, as the last pass has said."""

    @property
    def least(self) -> int:
        """The fewest devices that it begins with."""
        return self.accelerators or self.min_accelerators or 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A Run that holds devices."""

    run_id: str
    team_id: int
    user_id: int | None = None
    priority: int = 0
    node_id: int
    device_ids: tuple[int, ...]
    started_at: float = 0.0
    """Unix seconds, as all times here."""
    preemptible: bool = True
    """False: the last of its team's Runs to be taken for one that borrows."""
    counts_in_quota: bool = True
    idle: bool = False
    """It yields and has nothing to do."""
    stopping: bool = False
    yielding: bool = False
    """It is being stopped to give way."""
    label: str = ""
    ends_at: float | None = None
    """Predicted end; None when unknown."""
    must_end_at: float | None = None
    """When its longest time is over."""
    checkpoint_seconds: float = 0.0
    """How long it takes to give its devices back once it is asked to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When a node is being maintained: nothing runs there meanwhile."""

    begins_at: float
    ends_at: float


@dataclass(frozen=True, kw_only=True)
class NodeState:
    node_id: int
    name: str
    kind: str
    takes_runs: bool
    """Heard lately and not draining."""
    heard: bool = True
    device_ids: tuple[int, ...]
    """The healthy devices, by index, held ones included."""
    windows: tuple[Window, ...] = ()
    """Maintenance that goes on or comes."""

    def window_at(self, now: float) -> Window | None:
        """Return the maintenance that goes on; None while there is none."""
        return next((one for one in self.windows if one.begins_at <= now < one.ends_at), None)

    def next_window(self, now: float) -> Window | None:
        """Return the maintenance that comes next."""
        return min((one for one in self.windows if one.begins_at > now), key=lambda one: one.begins_at, default=None)

    def is_open(self, now: float) -> bool:
        """Whether new Runs may start there now."""
        return self.takes_runs and self.window_at(now) is None


@dataclass(frozen=True, kw_only=True)
class SpentHours:
    """All of a team's accelerator-hours of the month."""

    hours: int
    resets_on: str
    """A day, ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A pool with its line, its teams and what they hold."""

    waiting: Sequence[Waiting]
    """By place in line; the scheduler sorts by priority."""
    nodes: Sequence[NodeState]
    quotas: Mapping[int, int]
    """Ceilings by team: the most accelerators at once; a team that is absent may hold the whole pool."""
    held: Sequence[Held]
    guarantees: Mapping[int, int] = field(default_factory=dict)
    """Accelerators by team that it gets whenever it has work for them; absent: none."""
    per_user: Mapping[int, int] = field(default_factory=dict)
    """By team the most accelerators that one person's Runs hold at once; absent: as many as the team."""
    out_of_hours: Mapping[int, SpentHours] = field(default_factory=dict)
    """Teams of which nothing starts that counts in the quota."""
    usage: Mapping[int, float] = field(default_factory=dict)
    """Decayed device-seconds by team."""
    half_life: float = 0.0
    """Seconds after which use counts half; 0: it stays what it is."""
    horizon: float = 0.0
    """Seconds for which devices that are held or given out count as used already."""
    now: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    run_id: str
    node_id: int
    device_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Stop a Run: "yield" and "preempt" so that another one gets its devices, "limit" when its time is over.

    "drain" where its node is being maintained.
    """

    run_id: str
    reason: str = "yield"


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """End a Run that was asked to stop before it began."""

    run_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    run_id: str
    explanation: Explanation
    claimed_node: int | None = None
    """Where devices are coming free for it, within its team's guarantee."""


Decision = Start | Stop | End | Wait
