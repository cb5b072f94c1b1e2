"""Supervisors with a real database and real process trees: each ends once, none is doubled, none is lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.models import Team
from compute.hold import Hold
from compute.models import Node, NotHeld, Run
from compute.supervisor import Supervisor
from compute.work import TryAgain, WorkError
from console.serve import be_patient
from machine.answers import WITHOUT
from rundir import EventWriter
from tests.compute.supervision import (
    LINGER,
    PREAMBLE,
    SUCCEED,
    ScriptWork,
    SupervisorThread,
    event_rows,
    request_stop_now,
    tree_of,
    wait_for_event,
    wait_for_state,
    wait_until,
)

Supervise = Callable[[str], SupervisorThread]

pytestmark = pytest.mark.django_db(transaction=True)

ALL_OF_SUCCEED = [(1, "started"), (2, "metrics"), (3, "succeeded")]


def lingering(run: Run, supervise: Supervise, script_work: ScriptWork, script: str = LINGER) -> SupervisorThread:
    """Start a supervisor whose tree works until it is told to go on."""
    script_work.script = script
    thread = supervise(run.pk)
    wait_for_event(run, "started")
    run.refresh_from_db()
    return thread


def go_on(run: Run) -> None:
    (run.directory.root / "go").touch()


class TestSuccess:
    def test_a_run_goes_from_its_devices_to_its_end(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.state, started_run.outcome) == ("ended", "succeeded")
        assert event_rows(started_run) == ALL_OF_SUCCEED
        assert started_run.last_seq == 3
        assert started_run.ended_at is not None
        assert started_run.lease_until is None
        assert script_work.finished == [(started_run.pk, "succeeded")]
        assert script_work.num_attended >= 1
        assert not started_run.allocations.filter(released_at=None).exists()

    def test_the_tree_is_bound_to_its_core_and_knows_no_secret(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in (
            "DATABASE_URL",
            "BROKER_URL",
            "AWS_SECRET_ACCESS_KEY",
            "LUTHIER_SECRET_KEY",
            "LUTHIER_S3_SECRET_KEY",
        ):
            monkeypatch.setenv(name, "hidden-value")
        thread = lingering(started_run, supervise, script_work)
        [process] = tree_of(started_run)
        assert process.cpu_affinity() == [device.index for device in started_run.devices()]
        environment = process.environ()
        assert "hidden-value" not in environment.values()
        ours = [name for name in environment if name.startswith("LUTHIER") and name != WITHOUT]
        assert not [name for name in environment if "SECRET" in name or "URL" in name] + ours
        assert environment["OMP_NUM_THREADS"] == "1"
        assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
        assert environment["HOME"] == str(started_run.directory.root)
        go_on(started_run)
        thread.end()

    def test_a_patient_workers_tree_is_not_patient(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        usual = os.sched_getscheduler(0)
        try:
            be_patient()
            assert os.sched_getscheduler(0) == os.SCHED_BATCH
            thread = lingering(started_run, supervise, script_work)
            [process] = tree_of(started_run)
            assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER
            go_on(started_run)
            thread.end()
        finally:
            os.sched_setscheduler(0, usual, os.sched_param(0))

    def test_output_is_kept(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        script_work.script += "print('a line of output')\n"
        supervise(started_run.pk).end()
        assert "a line of output" in started_run.directory.log.read_text()

    def test_the_terminal_event_decides_not_the_exit_status(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script += "sys.exit(3)\n"
        supervise(started_run.pk).end()
        assert script_work.finished == [(started_run.pk, "succeeded")]

    def test_a_failed_event_brings_its_code_and_sentence(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = PREAMBLE + 'events.write("failed", "Out of memory at step 3.", code="out_of_memory")\n'
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert started_run.outcome_code == "out_of_memory"
        assert started_run.outcome_message == "Out of memory at step 3."
        assert script_work.finished == [(started_run.pk, "failed")]

    def test_folders_of_the_machine_are_left_out_of_the_sentence(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = PREAMBLE + 'events.write("failed", "/srv/models/tiny has no weights.", code="bad_model")\n'
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert started_run.outcome_message == "tiny has no weights."

    def test_the_first_terminal_event_stays(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        late = 'wait_for("go")\nevents.write("failed", "Too late.", code="late")\n'
        thread = lingering(started_run, supervise, script_work, SUCCEED + late)
        wait_for_event(started_run, "succeeded")
        go_on(started_run)
        thread.end()
        assert script_work.finished == [(started_run.pk, "succeeded")]
        assert event_rows(started_run)[-1] == (4, "failed")

    def test_thousands_of_events_come_in_batches_without_a_gap(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = PREAMBLE + (
            'for step in range(1200): events.write("metrics", step=step)\nevents.write("succeeded")\n'
        )
        supervise(started_run.pk).end()
        assert [seq for seq, _ in event_rows(started_run)] == list(range(1, 1203))


class TestDeath:
    def test_kill_nine_of_the_tree_is_lost_and_says_how(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        thread = lingering(started_run, supervise, script_work)
        os.kill(started_run.launcher["pid"], signal.SIGKILL)
        thread.end(seconds=3)
        started_run.refresh_from_db()
        assert started_run.outcome == "lost"
        assert "signal 9" in started_run.outcome_message
        assert script_work.finished == [(started_run.pk, "lost")]

    def test_what_the_first_process_leaves_behind_is_killed(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        child = 'import subprocess; subprocess.Popen(["sleep", "1000", "-", sys.argv[1]][:2])\n'
        thread = lingering(started_run, supervise, script_work, PREAMBLE + child + 'wait_for("go")\n')
        leader = psutil.Process(started_run.launcher["pid"])
        [sleeper] = wait_until(leader.children, what="the child")
        leader.kill()
        thread.end(seconds=3)
        assert not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE

    def test_an_exit_without_a_terminal_event_is_lost(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = "raise SystemExit(7)"
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.outcome_code) == ("lost", "vanished")
        assert "exit status 7" in started_run.outcome_message

    def test_a_handle_of_another_boot_is_not_a_living_tree(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        lingering(started_run, supervise, script_work).let_go()
        Run.objects.filter(pk=started_run.pk).update(launcher={**started_run.launcher, "boot_id": "before"})
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.outcome_code) == ("lost", "host_restarted")

    def test_finishing_what_was_given_up_leaves_no_process(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        lingering(started_run, supervise, script_work).let_go()
        started_run.move("finishing", outcome="lost")
        supervise(started_run.pk).end()
        assert not tree_of(started_run)
        assert script_work.finished == [(started_run.pk, "lost")]

    def test_finishing_what_was_given_up_records_what_it_still_said(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        lingering(started_run, supervise, script_work).let_go()
        go_on(started_run)
        wait_until(lambda: not tree_of(started_run), what="the tree's end")
        started_run.move("finishing", outcome="lost")
        supervise(started_run.pk).end()
        assert event_rows(started_run) == [(1, "started"), (2, "succeeded")]
        assert script_work.finished == [(started_run.pk, "lost")]


class TestPreparing:
    def test_work_that_cannot_be_done_fails_with_its_sentence(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        def refuse(run: Run) -> None:
            raise WorkError("The file is gone.", code="file_gone")

        script_work.on_prepare = refuse
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.outcome_code) == ("failed", "file_gone")
        assert started_run.outcome_message == "The file is gone."

    def test_what_is_away_is_tried_again(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        def be_away(run: Run) -> None:
            if script_work.num_prepared < 3:
                raise TryAgain("Storage is away.")

        script_work.on_prepare = be_away
        supervise(started_run.pk).end()
        assert script_work.num_prepared == 3
        assert script_work.finished == [(started_run.pk, "succeeded")]

    def test_what_is_away_for_too_long_gives_its_devices_back(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def be_away(run: Run) -> None:
            raise TryAgain("http://s3 is away: secret detail")

        monkeypatch.setattr(settings, "TIMES", replace(settings.TIMES, storage_away_seconds=0.2))
        script_work.on_prepare = be_away
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.outcome_code) == ("lost", "away_too_long")
        assert "accelerators were given back" in started_run.outcome_message
        assert "secret" not in started_run.outcome_message
        assert not started_run.allocations.filter(released_at=None).exists()
        assert script_work.finished == [(started_run.pk, "lost")]

    def test_the_unforeseen_fails_the_run_in_plain_words(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        def break_down(run: Run) -> None:
            raise ZeroDivisionError("secret detail")

        script_work.on_prepare = break_down
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.outcome_code) == ("failed", "internal_error")
        assert "secret" not in started_run.outcome_message

    def test_a_program_that_does_not_exist_is_no_success(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert started_run.outcome == "lost"
        assert "exit status 127" in started_run.outcome_message


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
        assert script_work.finished == [(started_run.pk, "succeeded")]

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
        assert script_work.finished == [(started_run.pk, "succeeded")]

    def test_finishing_is_carried_on(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        def be_away(run: Run) -> None:
            raise TryAgain("Storage is away.")

        script_work.on_finish = be_away
        thread = supervise(started_run.pk)
        wait_for_state(started_run, "finishing")
        assert not started_run.allocations.filter(released_at=None).exists()
        thread.let_go()
        script_work.on_finish = lambda run: None
        supervise(started_run.pk).end()
        assert script_work.finished == [(started_run.pk, "succeeded")]


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
        assert len(script_work.finished) == 1

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
    def test_late_writes_change_nothing(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        thread = lingering(started_run, supervise, script_work)
        Run.objects.filter(pk=started_run.pk).update(fencing=2)
        go_on(started_run)
        thread.end()
        started_run.refresh_from_db()
        assert (started_run.state, started_run.outcome, started_run.fencing) == ("running", "", 2)
        assert event_rows(started_run) == [(1, "started")]
        assert script_work.finished == []

    def test_a_state_change_under_an_old_number_is_refused(self, started_run: Run) -> None:
        Run.objects.filter(pk=started_run.pk).update(fencing=5)
        with pytest.raises(NotHeld):
            started_run.move("finishing", fencing=4, outcome="lost")
        assert Run.objects.get(pk=started_run.pk).state == "starting"

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
        assert script_work.finished == []

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


class TestStopping:
    def test_a_stop_request_lets_the_tree_stop_by_itself(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        thread = lingering(started_run, supervise, script_work)
        assert request_stop_now(started_run, "pause")
        thread.end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.stop_reason) == ("stopped", "pause")
        assert event_rows(started_run) == [(1, "started"), (2, "stopped")]

    def test_a_tree_that_does_not_listen_is_killed_in_time(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        deaf = PREAMBLE + 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\nevents.write("deaf")\nwait_for("go")\n'
        script_work.script = deaf
        thread = supervise(started_run.pk)
        wait_for_event(started_run, "deaf")
        request_stop_now(started_run)
        thread.end(seconds=settings.TIMES.stop_grace_seconds + 5)
        assert script_work.finished == [(started_run.pk, "stopped")]
        assert not tree_of(started_run)

    def test_a_run_that_was_asked_to_stop_is_not_started(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        request_stop_now(started_run)
        supervise(started_run.pk).end()
        assert script_work.num_prepared == 0
        assert script_work.finished == [(started_run.pk, "stopped")]

    def test_cancel_racing_with_finish_gives_one_outcome(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        thread = lingering(started_run, supervise, script_work)
        barrier = threading.Barrier(2)
        accepted: list[bool] = []

        def cancel() -> None:
            barrier.wait()
            accepted.append(request_stop_now(started_run))
            connections.close_all()

        racing = threading.Thread(target=cancel)
        racing.start()
        barrier.wait()
        go_on(started_run)
        thread.end()
        racing.join()
        started_run.refresh_from_db()
        terminal = [kind for _, kind in event_rows(started_run) if kind in ("succeeded", "stopped")]
        assert script_work.finished == [(started_run.pk, terminal[0])]
        assert started_run.outcome == terminal[0]
        assert request_stop_now(started_run) is False

    def test_a_request_and_a_record_never_wait_for_each_other(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        """An app's request locks its own row and then the Run; recording locks the app's row too."""
        thread = lingering(started_run, supervise, script_work)
        reached = threading.Event()
        num_records = 0

        def lock_the_apps_row(run: Run) -> None:
            nonlocal num_records
            num_records += 1
            reached.set()
            Team.objects.select_for_update().get(pk=run.team_id)

        with transaction.atomic():
            Team.objects.select_for_update().get(pk=started_run.team_id)
            script_work.on_record = lock_the_apps_row
            go_on(started_run)
            assert reached.wait(10)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '3s'")
            request_stop_now(started_run)
        thread.end()
        assert num_records == 1
        assert script_work.finished == [(started_run.pk, "succeeded")]

    def test_a_success_that_came_first_cannot_be_cancelled(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        hanging = PREAMBLE + 'events.write("succeeded")\nwait_for("go")\n'
        thread = lingering(started_run, supervise, script_work, hanging)
        wait_for_event(started_run, "succeeded")
        assert request_stop_now(started_run) is False
        go_on(started_run)
        thread.end()
        assert script_work.finished == [(started_run.pk, "succeeded")]


class TestLease:
    def test_the_tree_sees_new_values_while_it_is_looked_after(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        thread = lingering(started_run, supervise, script_work)
        lease = started_run.directory.lease
        seen = {lease.read_bytes()}

        def saw_three() -> bool:
            seen.add(lease.read_bytes())
            return len(seen) >= 3

        wait_until(saw_three, what="three values of the lease")
        thread.let_go()
        last = lease.read_bytes()
        time.sleep(1.5 * settings.TIMES.lease_renew_seconds)  # nothing must happen in it
        assert lease.read_bytes() == last

    def test_no_value_is_written_for_a_renewal_that_came_too_late(self, started_run: Run) -> None:
        hold = Hold.take(started_run.pk, holder="test")
        assert hold is not None
        times = settings.TIMES
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert hold._tell_tree(now) is True
        value = started_run.directory.lease.read_bytes()
        assert hold._tell_tree(now - (times.lease_seconds - times.lease_timeout_seconds)) is False
        assert started_run.directory.lease.read_bytes() == value
        release(hold)

    def test_a_database_that_comes_back_finds_the_run_going_on(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        thread = lingering(started_run, supervise, script_work)
        for _ in range(3):
            cut_other_connections()
            wait_until(lambda: thread.is_alive() and other_connections(), what="a new connection")
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
        "from compute.supervisor import Supervisor\n"
        "script = ScriptWork(); script.script = LINGER; work.register(script)\n"
        f"Supervisor({run.pk!r}, 'worker').run()\n"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR)


def other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def cut_other_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def release(*holds: Hold) -> None:
    for hold in holds:
        if hold._lock is not None:
            hold._lock.release()
