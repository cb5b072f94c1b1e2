"""One supervisor holds a Run at a time, finds its tree again, and writes nothing once another holds it."""

import os
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.utils import timezone

from compute.models import Node, NotHeld, Run
from compute.node.hold import Hold
from compute.node.supervisor import Supervisor
from compute.work import TryAgain
from rundir import EventWriter
from tests.compute.supervision import (
    LINGER,
    ScriptWork,
    Supervise,
    SupervisorThread,
    event_rows,
    go_on,
    lingering,
    release,
    tree_of,
    wait_for_event,
    wait_for_state,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


class TestReattaching:
    def test_the_next_supervisor_carries_on_with_the_same_tree(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        lingering(started_run, supervise, script_work).let_go()
        [before] = tree_of(started_run)
        second = supervise(started_run.pk)
        wait_until(lambda: Run.objects.get(pk=started_run.pk).fencing == 2)
        assert [process.pid for process in tree_of(started_run)] == [before.pid]
        go_on(started_run)
        second.end()
        started_run.refresh_from_db()
        assert started_run.outcome == "succeeded"
        assert event_rows(started_run) == [(1, "started"), (2, "succeeded")]
        assert script_work.num_prepared == 1

    def test_kill_nine_of_the_worker_costs_the_tree_nothing(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        worker = worker_process(started_run)
        try:
            wait_until(lambda: event_rows(started_run), seconds=30, what="the worker's tree")
            [tree] = tree_of(started_run)
        finally:
            worker.kill()
            worker.wait()
        assert tree.is_running()
        started_run.refresh_from_db()
        assert started_run.lease_until > timezone.now()
        thread = supervise(started_run.pk)
        wait_until(lambda: Run.objects.get(pk=started_run.pk).fencing == 2, seconds=2, what="the take-over")
        assert [process.pid for process in tree_of(started_run)] == [tree.pid]
        go_on(started_run)
        thread.end()
        assert script_work.concluded == [(started_run.pk, "succeeded")]

    def test_a_worker_that_stops_takes_nothing_more(self, started_run: Run) -> None:
        stopping = threading.Event()
        stopping.set()
        Supervisor(started_run.pk, "late", stopping=stopping).run()
        assert Run.objects.get(pk=started_run.pk).fencing == 0

    def test_events_written_meanwhile_are_not_lost(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        lingering(started_run, supervise, script_work).let_go()
        go_on(started_run)
        wait_until(lambda: not tree_of(started_run), what="the tree's end")
        supervise(started_run.pk).end()
        assert event_rows(started_run) == [(1, "started"), (2, "succeeded")]
        assert script_work.concluded == [(started_run.pk, "succeeded")]

    def test_finishing_is_carried_on(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        def be_away(run: Run) -> None:
            raise TryAgain("Storage is away.")

        script_work.on_conclude = be_away
        thread = supervise(started_run.pk)
        wait_for_state(started_run, "concluding")
        assert not started_run.allocations.filter(released_at=None).exists()
        thread.let_go()
        script_work.on_conclude = lambda run: None
        supervise(started_run.pk).end()
        assert script_work.concluded == [(started_run.pk, "succeeded")]


class TestOneSupervisor:
    def test_two_at_once_one_holds(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        first = lingering(started_run, supervise, script_work)
        supervise(started_run.pk).end(seconds=3)
        assert Run.objects.get(pk=started_run.pk).fencing == 1
        go_on(started_run)
        first.end()

    def test_a_hundred_wake_ups_make_one_tree(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = LINGER
        woken: list[SupervisorThread] = []

        def only_one_is_left() -> bool:
            return sum(thread.is_alive() for thread in woken) <= 1

        for _ in range(4):
            woken += [supervise(started_run.pk) for _ in range(25)]
            wait_until(only_one_is_left, what="the others' return")
            wait_for_event(started_run, "started")
        assert len(tree_of(started_run)) == 1
        assert script_work.num_prepared == 1
        go_on(started_run)
        wait_for_state(started_run, "ended")
        assert event_rows(started_run) == [(1, "started"), (2, "succeeded")]
        assert len(script_work.concluded) == 1

    def test_an_ended_lease_is_taken_even_from_a_supervisor_that_seems_to_live(self, started_run: Run) -> None:
        slow = Hold.take(started_run.pk, holder="slow")
        assert slow is not None
        assert Hold.take(started_run.pk, holder="early") is None
        Run.objects.filter(pk=started_run.pk).update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
        second = Hold.take(started_run.pk, holder="second")
        assert second is not None
        assert second.row().fencing == 2
        with pytest.raises(NotHeld):
            slow.row()
        release(slow, second)

    def test_another_node_does_not_take_a_tree(self, started_run: Run) -> None:
        Node.objects.update(name="elsewhere")
        assert Hold.take(started_run.pk, holder="stranger") is None


class TestFencing:
    @pytest.mark.fault("worker stopped past its lease", contract=True)
    def test_late_writes_change_nothing(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        thread = lingering(started_run, supervise, script_work)
        Run.objects.filter(pk=started_run.pk).update(fencing=2)
        go_on(started_run)
        thread.end()
        started_run.refresh_from_db()
        assert (started_run.state, started_run.outcome, started_run.fencing) == ("running", "", 2)
        assert event_rows(started_run) == [(1, "started")]
        assert script_work.concluded == []

    def test_a_state_change_under_an_old_number_is_refused(self, started_run: Run) -> None:
        Run.objects.filter(pk=started_run.pk).update(fencing=5)
        with pytest.raises(NotHeld):
            started_run.move("concluding", fencing=4, outcome="lost")
        assert Run.objects.get(pk=started_run.pk).state == "starting"

    @pytest.mark.fault("batch of events sent twice", contract=True)
    def test_the_same_batch_twice_is_stored_once(self, started_run: Run, script_work: ScriptWork) -> None:
        hold = Hold.take(started_run.pk, holder="test")
        assert hold is not None
        writer = EventWriter(started_run.directory.events)
        writer.write("started")
        writer.write("metrics", step=1)
        supervisor = Supervisor(started_run.pk, "test")
        supervisor._hold = hold
        assert supervisor._record(script_work, started_run.directory) == 2
        Run.objects.filter(pk=started_run.pk).update(event_offset=0)
        supervisor._offset = 0
        assert supervisor._record(script_work, started_run.directory) == 2
        assert event_rows(started_run) == [(1, "started"), (2, "metrics")]
        writer.close()
        release(hold)

    def test_a_batch_is_rolled_back_when_the_run_was_taken_meanwhile(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        thread = lingering(started_run, supervise, script_work)

        def be_taken(run: Run) -> None:
            Run.objects.filter(pk=run.pk).update(fencing=2)

        script_work.on_record = be_taken
        go_on(started_run)
        wait_until(lambda: not tree_of(started_run))
        thread.end()
        assert event_rows(started_run) == [(1, "started")]
        assert script_work.concluded == []

    def test_a_batch_that_cannot_be_stored_moves_nothing(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        failures = iter([True, True])

        def break_down(run: Run) -> None:
            if next(failures, False):
                raise ZeroDivisionError

        script_work.on_record = break_down
        thread = lingering(started_run, supervise, script_work)
        go_on(started_run)
        thread.end()
        assert event_rows(started_run) == [(1, "started"), (2, "succeeded")]


def worker_process(run: Run) -> "subprocess.Popen[bytes]":
    """Start another process that supervises `run`, as a worker would."""
    name = settings.DATABASES["default"]["NAME"]
    code = (
        "import django; from django.conf import settings\n"
        f"settings.DATABASES['default']['NAME'] = {name!r}\n"
        "django.setup()\n"
        "from compute import wakes, work\n"
        "wakes.wake = lambda *args, **more: None\n"
        "from tests.compute.supervision import LINGER, ScriptWork\n"
        "from compute.node.supervisor import Supervisor\n"
        "script = ScriptWork(); script.script = LINGER; work.register(script)\n"
        f"Supervisor({run.pk!r}, 'worker').run()\n"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR)
