"""What a node says of itself, how its trees are started, and how it drains."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured

from compute import services, tasks
from compute.beside import NICENESS
from compute.models import Device, Node, Run
from compute.node import devices, processes
from compute.node.draining import drain_node
from compute.node.hold import STOPPING
from compute.node.launcher import Death, LocalLauncher
from compute.scheduling.rounds import schedule
from compute.work import Command
from rundir import RunDirectory
from tests.compute.supervision import LINGER, ScriptWork, SupervisorThread, tree_of, wait_for_event, wait_until


class TestAccelerators:
    def test_without_gpus_a_core_is_one(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "gpus", list)
        settings.NODE_ACCELERATORS = ""
        assert [a.index for a in devices.accelerators()] == sorted(os.sched_getaffinity(0))

    def test_gpus_come_first_unless_they_are_left_alone(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        gpu = devices.Accelerator(index=0, kind="cuda", name="H", memory_bytes=1)
        monkeypatch.setattr(devices, "gpus", lambda: [gpu])
        settings.NODE_ACCELERATORS = ""
        assert devices.accelerators() == [gpu]
        settings.NODE_ACCELERATORS = "cpu"
        assert {a.kind for a in devices.accelerators()} == {"cpu"}

    def test_a_number_is_the_most_it_offers(self, settings: Any) -> None:
        settings.NODE_ACCELERATORS = "1"
        assert len(devices.accelerators()) == 1

    @pytest.mark.parametrize("value", ["0", "-1", "gpu"])
    def test_another_value_is_refused_with_what_is_accepted(self, settings: Any, value: str) -> None:
        settings.NODE_ACCELERATORS = value
        with pytest.raises(ImproperlyConfigured, match="Accepted"):
            devices.accelerators()


@pytest.mark.django_db
class TestRegisterNode:
    def test_again_changes_nothing(self) -> None:
        first, second = devices.register_node(), devices.register_node()
        assert first == second
        assert second.devices.filter(present=True).count() == len(devices.accelerators())
        assert second.boot_id == devices.boot_id()
        assert second.queue == f"node-{second.name}"

    def test_a_device_that_is_gone_stays_as_history(self, settings: Any) -> None:
        node = devices.register_node()
        Device.objects.create(node=node, index=999, kind="cpu")
        devices.register_node()
        assert Device.objects.get(index=999).present is False

    def test_only_a_start_reopens_a_node(self) -> None:
        devices.register_node()
        Node.objects.update(closing=True, draining=True)
        assert devices.register_node(reopens=False).closing is True
        node = devices.register_node()
        assert (node.closing, node.draining) == (False, True)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path / "run")
    found.create()
    return found


class TestLauncher:
    def test_nothing_begins_before_it_is_released(self, directory: RunDirectory) -> None:
        launcher = LocalLauncher()
        spawned = launcher.start(Command(argv=("touch", "began")), [], directory)
        assert launcher.alive(spawned.handle)
        spawned.abandon()
        assert not launcher.alive(spawned.handle)
        assert not (directory.root / "began").exists()

    def test_a_supervisor_that_dies_before_releasing_leaves_no_tree(self, directory: RunDirectory) -> None:
        launcher = LocalLauncher()
        spawned = launcher.start(Command(argv=("touch", "began")), [], directory)
        spawned._child.stdin.close()  # type: ignore[union-attr]  # what the kernel does for a killed process
        wait_until(lambda: not launcher.alive(spawned.handle))
        assert launcher.death(spawned.handle).exit_code == 125
        assert not (directory.root / "began").exists()

    def test_without_a_device_a_tree_and_its_session_step_back(self, directory: RunDirectory) -> None:
        cores = [Device(index=core, kind="cpu") for core in sorted(os.sched_getaffinity(0))[:1]]
        for held, niceness in (([], NICENESS), (cores, os.getpriority(os.PRIO_PROCESS, 0))):
            spawned = LocalLauncher().start(Command(argv=("true",)), held, directory)
            pid = spawned.handle["pid"]
            assert os.getpriority(os.PRIO_PROCESS, pid) == niceness
            if (group := Path(f"/proc/{pid}/autogroup")).exists():
                assert (f"nice {NICENESS}" in group.read_text()) is not bool(held)
            spawned.abandon()

    def test_finds_the_same_process_again_and_not_another_one(self, directory: RunDirectory) -> None:
        launcher = LocalLauncher()
        spawned = launcher.start(Command(argv=("sleep", "1000")), [], directory)
        spawned.release()
        handle = spawned.handle
        assert launcher.alive(handle)
        assert not launcher.alive({**handle, "started": handle["started"] - 1})
        assert not launcher.alive({**handle, "boot_id": "another"})
        assert launcher.kill({**handle, "started": handle["started"] - 1})
        assert launcher.alive(handle), "a stranger under the pid was killed"
        assert launcher.kill(handle)
        assert not launcher.alive(handle)
        assert launcher.death(handle).exit_code == -signal.SIGKILL

    def test_says_that_memory_ran_out(self, directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
        launcher = LocalLauncher()
        spawned = launcher.start(Command(argv=("sleep", "1000")), [], directory)
        spawned.release()
        monkeypatch.setattr("compute.node.launcher.out_of_memory_kills", lambda: spawned.handle["oom_kills"] + 1)
        launcher.kill(spawned.handle)
        assert launcher.death(spawned.handle).code == "out_of_memory"

    def test_reads_processes_with_odd_names(self, tmp_path: Path) -> None:
        odd = tmp_path / "a) S 1 (b"
        odd.symlink_to("/bin/sleep")
        with psutil.Popen([str(odd), "1000"]) as process:
            facts = wait_until(lambda: processes.facts_of(process.pid))
            assert facts.is_alive
            assert facts.session == os.getsid(process.pid)
            process.kill()

    def test_an_unknown_end_is_told_as_such(self) -> None:
        assert "without saying why" in str(Death().message)


@pytest.mark.django_db(transaction=True)
class TestDrainNode:
    def test_asks_every_tree_to_stop_and_waits(
        self, started_run: Run, supervise: Callable[[str], SupervisorThread], script_work: ScriptWork
    ) -> None:
        script_work.script = LINGER
        thread = supervise(started_run.pk)
        wait_for_event(started_run, "started")
        drain_node(timeout_seconds=10)
        assert not tree_of(started_run)
        thread.end()
        started_run.refresh_from_db()
        assert (started_run.state, started_run.outcome, started_run.stop_reason) == ("ended", "stopped", "drain")

    def test_a_drained_node_gets_nothing_until_its_next_start(self, started_run: Run, script_work: ScriptWork) -> None:
        drain_node(timeout_seconds=0)
        waiting = services.request_run(kind="script", team=started_run.team, accelerators=1)
        schedule()
        waiting.refresh_from_db()
        assert waiting.state == "waiting"
        devices.register_node()
        schedule()
        waiting.refresh_from_db()
        assert waiting.state == "starting"

    def test_kills_a_tree_that_nobody_looks_after(
        self, started_run: Run, supervise: Callable[[str], SupervisorThread], script_work: ScriptWork
    ) -> None:
        script_work.script = LINGER
        thread = supervise(started_run.pk)
        wait_for_event(started_run, "started")
        thread.let_go()
        drain_node(timeout_seconds=0.1)
        assert not tree_of(started_run)


@pytest.mark.django_db(transaction=True)
class TestWorkerSignals:
    def test_a_stopping_worker_leaves_its_trees_running(
        self, started_run: Run, script_work: ScriptWork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from celery import signals

        script_work.script = LINGER
        worker = threading.Thread(target=tasks.supervise, args=[started_run.pk])
        try:
            worker.start()
            wait_for_event(started_run, "started")
            signals.worker_shutting_down.send(sender=None)
            worker.join(2)
            assert not worker.is_alive()
            assert len(tree_of(started_run)) == 1
        finally:
            STOPPING.clear()
            for process in tree_of(started_run):
                process.kill()
