"""This host as a node, with a real database and a kind of work of a few lines."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import Team
from compute import services, work
from compute.models import Device, Node, Run
from compute.node import devices
from compute.scheduling.rounds import schedule
from tests.compute.supervision import ScriptWork, SupervisorThread, tree_of


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...], str | None]]:
    """Wake-ups are noted instead of sent: these tests call what a worker would."""
    woken: list[tuple[str, tuple[Any, ...], str | None]] = []

    def note(task: Any, *args: Any, queue: str | None = None) -> None:
        woken.append((task if isinstance(task, str) else task.name, args, queue))

    monkeypatch.setattr("compute.wakes.wake", note)
    return woken


@pytest.fixture
def team(db: None) -> Team:
    return Team.create(name="Violins")


@pytest.fixture
def node(db: None) -> Node:
    """Return this host as a node of two cores."""
    node = devices.register_node()
    first = node.devices.order_by("index").values_list("pk", flat=True)[:2]
    node.devices.exclude(pk__in=list(first)).delete()
    if node.devices.count() < 2:
        Device.objects.create(node=node, index=node.devices.get().index + 1, kind="cpu")
    return node


@pytest.fixture
def script_work(monkeypatch: pytest.MonkeyPatch) -> ScriptWork:
    found = ScriptWork()
    monkeypatch.setitem(work._registry, "script", found)
    return found


@pytest.fixture
def started_run(node: Node, team: Team, script_work: ScriptWork) -> Run:
    """Return a Run that has its device and waits for a supervisor."""
    run = services.request_run(kind="script", team=team, accelerators=1)
    schedule()
    run.refresh_from_db()
    assert run.state == "starting"
    return run


@pytest.fixture
def supervise(transactional_db: None) -> Iterator[Callable[[str], SupervisorThread]]:
    """Start supervisors; at the end they and every process of their trees are gone."""
    threads: list[SupervisorThread] = []

    def start(run_id: str) -> SupervisorThread:
        thread = SupervisorThread(run_id)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    for thread in threads:
        thread.stopping.set()
        thread.join(10)
    for run in Run.objects.all():
        for process in tree_of(run):
            process.kill()
