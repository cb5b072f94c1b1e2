"""A Run that is asked to stop, and the lease by which its tree knows that somebody looks after it."""

import threading
import time

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from accounts.models import Team
from compute.models import Run
from compute.node.hold import Hold
from tests.compute.supervision import (
    PREAMBLE,
    ScriptWork,
    Supervise,
    event_rows,
    go_on,
    lingering,
    release,
    request_stop_now,
    tree_of,
    wait_for_event,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
        assert script_work.concluded == [(started_run.pk, "stopped")]
        assert not tree_of(started_run)

    def test_a_run_that_was_asked_to_stop_is_not_started(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        request_stop_now(started_run)
        supervise(started_run.pk).end()
        assert script_work.num_prepared == 0
        assert script_work.concluded == [(started_run.pk, "stopped")]

    @pytest.mark.fault("cancel racing with finish", contract=True)
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
        assert script_work.concluded == [(started_run.pk, terminal[0])]
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
        assert script_work.concluded == [(started_run.pk, "succeeded")]

    def test_a_success_that_came_first_cannot_be_cancelled(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        hanging = PREAMBLE + 'events.write("succeeded")\nwait_for("go")\n'
        thread = lingering(started_run, supervise, script_work, hanging)
        wait_for_event(started_run, "succeeded")
        assert request_stop_now(started_run) is False
        go_on(started_run)
        thread.end()
        assert script_work.concluded == [(started_run.pk, "succeeded")]


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
