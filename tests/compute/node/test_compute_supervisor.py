"""Supervisors with a real database and real process trees: each ends once, none is doubled, none is lost."""

import os
import signal
import sys
from dataclasses import replace

import psutil
import pytest
from django.conf import settings

from compute.models import Run
from compute.work import TryAgain, WorkError
from console.serve import be_patient
from machine.answers import WITHOUT
from tests.compute.supervision import (
    PREAMBLE,
    SUCCEED,
    ScriptWork,
    Supervise,
    event_rows,
    go_on,
    lingering,
    tree_of,
    wait_for_event,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)

ALL_OF_SUCCEED = [(1, "started"), (2, "metrics"), (3, "succeeded")]


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
        assert script_work.concluded == [(started_run.pk, "succeeded")]
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
        assert script_work.concluded == [(started_run.pk, "succeeded")]

    def test_a_failed_event_brings_its_code_and_sentence(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = PREAMBLE + 'events.write("failed", "Out of memory at step 3.", code="out_of_memory")\n'
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert started_run.outcome_code == "out_of_memory"
        assert str(started_run.outcome_message) == "Out of memory at step 3."
        assert script_work.concluded == [(started_run.pk, "failed")]

    def test_folders_of_the_machine_are_left_out_of_the_sentence(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        script_work.script = PREAMBLE + 'events.write("failed", "/srv/models/tiny has no weights.", code="bad_model")\n'
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert str(started_run.outcome_message) == "tiny has no weights."

    def test_the_first_terminal_event_stays(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        late = 'wait_for("go")\nevents.write("failed", "Too late.", code="late")\n'
        thread = lingering(started_run, supervise, script_work, SUCCEED + late)
        wait_for_event(started_run, "succeeded")
        go_on(started_run)
        thread.end()
        assert script_work.concluded == [(started_run.pk, "succeeded")]
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
        assert "signal 9" in str(started_run.outcome_message)
        assert script_work.concluded == [(started_run.pk, "lost")]

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
        assert "exit status 7" in str(started_run.outcome_message)

    @pytest.mark.fault("host restarted", contract=True)
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
        started_run.move("concluding", outcome="lost")
        supervise(started_run.pk).end()
        assert not tree_of(started_run)
        assert script_work.concluded == [(started_run.pk, "lost")]

    def test_finishing_what_was_given_up_records_what_it_still_said(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        lingering(started_run, supervise, script_work).let_go()
        go_on(started_run)
        wait_until(lambda: not tree_of(started_run), what="the tree's end")
        started_run.move("concluding", outcome="lost")
        supervise(started_run.pk).end()
        assert event_rows(started_run) == [(1, "started"), (2, "succeeded")]
        assert script_work.concluded == [(started_run.pk, "lost")]


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
        assert str(started_run.outcome_message) == "The file is gone."

    def test_what_is_away_is_tried_again(self, started_run: Run, supervise: Supervise, script_work: ScriptWork) -> None:
        def be_away(run: Run) -> None:
            if script_work.num_prepared < 3:
                raise TryAgain("Storage is away.")

        script_work.on_prepare = be_away
        supervise(started_run.pk).end()
        assert script_work.num_prepared == 3
        assert script_work.concluded == [(started_run.pk, "succeeded")]

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
        assert "accelerators were released" in str(started_run.outcome_message)
        assert "secret" not in str(started_run.outcome_message)
        assert not started_run.allocations.filter(released_at=None).exists()
        assert script_work.concluded == [(started_run.pk, "lost")]

    def test_the_unforeseen_fails_the_run_in_plain_words(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork
    ) -> None:
        def break_down(run: Run) -> None:
            raise ZeroDivisionError("secret detail")

        script_work.on_prepare = break_down
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert (started_run.outcome, started_run.outcome_code) == ("failed", "internal_error")
        assert "secret" not in str(started_run.outcome_message)

    def test_a_program_that_does_not_exist_is_no_success(
        self, started_run: Run, supervise: Supervise, script_work: ScriptWork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        supervise(started_run.pk).end()
        started_run.refresh_from_db()
        assert started_run.outcome == "lost"
        assert "exit status 127" in str(started_run.outcome_message)
