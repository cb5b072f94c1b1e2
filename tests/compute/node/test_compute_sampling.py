"""What a node sees its devices and Runs use: by a stand-in NVML, held to the real one's contract, and by /proc."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
from django.utils import timezone

from accounts.models import Team
from compute.models import Allocation, Device, Node, Run
from compute.node import nvml, processes, sampling
from compute.node.devices import boot_id, gpus
from compute.node.launcher import LocalLauncher
from compute.node.sampling import Sampler
from compute.work import Command
from rundir import RunDirectory
from tests.compute.supervision import wait_until

pytestmark = pytest.mark.django_db
BUSY = "open({begun!r}, 'w').close()\nwhile True: pass"
ASLEEP = "import time; open({begun!r}, 'w').close(); time.sleep(1000)"
"""Python itself takes time to begin, which is not to be counted: each says when it has."""


class StandInNvml:
    """A stand-in for NVIDIA's library: the calls that are made here, with answers and errors as a test wants them."""

    class NVMLError(Exception):
        def __init__(self, value: int) -> None:
            super().__init__(value)
            self.value = value

    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_GPU_IS_LOST = 15
    NVML_ERROR_RESET_REQUIRED = 16
    NVML_ERROR_UNKNOWN = 999

    def __init__(self, num_gpus: int = 2) -> None:
        self.num_gpus = num_gpus
        self.fails: dict[str, int] = {}
        """Error codes by call, or by call and GPU ("nvmlDeviceGetUtilizationRates 1")."""
        self.num_open = 0

    def _answer(self, call: str, index: Any = "") -> None:
        for name in (call, f"{call} {index}"):
            if name in self.fails:
                raise self.NVMLError(self.fails[name])

    def nvmlInit(self) -> None:
        self._answer("nvmlInit")
        self.num_open += 1

    def nvmlShutdown(self) -> None:
        self.num_open -= 1

    def nvmlDeviceGetCount(self) -> int:
        self._answer("nvmlDeviceGetCount")
        return self.num_gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._answer("nvmlDeviceGetHandleByIndex", index)
        return index

    def nvmlDeviceGetName(self, handle: int) -> str:
        return f"GPU {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        self._answer("nvmlDeviceGetMemoryInfo", handle)
        return SimpleNamespace(total=80_000, used=1000 * (handle + 1))

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        self._answer("nvmlDeviceGetUtilizationRates", handle)
        return SimpleNamespace(gpu=10 * handle, memory=1)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> StandInNvml:
    found = StandInNvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    return found


def test_the_stand_in_keeps_the_contract_of_the_real_library() -> None:
    for name in vars(StandInNvml):
        if name.startswith(("nvml", "NVML_")):
            real = getattr(pynvml, name)
            assert callable(real) if name.startswith("nvml") else real == getattr(StandInNvml, name)
    assert pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST).value == 15
    assert {"total", "used"} <= {name for name, _ in pynvml.c_nvmlMemory_t._fields_}
    assert "gpu" in {name for name, _ in pynvml.c_nvmlUtilization_t._fields_}


class TestNvml:
    def test_tells_memory_and_utilisation_of_each_gpu(self, library: StandInNvml) -> None:
        assert nvml.use() == {
            0: nvml.GpuUse(memory_used_bytes=1000, utilisation=0),
            1: nvml.GpuUse(memory_used_bytes=2000, utilisation=10),
        }
        assert [gpu.memory_bytes for gpu in gpus()] == [80_000, 80_000]
        assert library.num_open == 0

    @pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount"])
    def test_without_library_or_driver_there_is_no_gpu(self, library: StandInNvml, call: str) -> None:
        library.fails[call] = library.NVML_ERROR_LIBRARY_NOT_FOUND
        assert (nvml.use(), gpus(), library.num_open) == ({}, [], 0)

    def test_without_the_package_there_is_no_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pynvml", None)
        assert (nvml.use(), gpus()) == ({}, [])

    def test_a_gpu_that_is_cut_up_tells_no_utilisation(self, library: StandInNvml) -> None:
        library.fails["nvmlDeviceGetUtilizationRates 1"] = library.NVML_ERROR_NOT_SUPPORTED
        assert nvml.use()[1] == nvml.GpuUse(memory_used_bytes=2000, utilisation=None)

    @pytest.mark.parametrize("call", ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo"])
    @pytest.mark.parametrize("error", ["GPU_IS_LOST", "RESET_REQUIRED"])
    def test_a_lost_gpu_is_told_from_one_that_is_silent(self, library: StandInNvml, call: str, error: str) -> None:
        library.fails[f"{call} 0"] = getattr(library, f"NVML_ERROR_{error}")
        assert nvml.use()[0] == nvml.GpuUse(is_lost=True)
        library.fails[f"{call} 0"] = library.NVML_ERROR_UNKNOWN
        assert nvml.use()[0].is_lost is False
        assert nvml.use()[1].utilisation == 10


@pytest.fixture
def gpu_node() -> Node:
    node = Node.objects.create(name="g", queue="q", kind="cuda")
    for index in range(2):
        Device.objects.create(node=node, index=index, kind="cuda", memory_bytes=80_000)
    return node


class TestGpus:
    def test_are_written_as_nvidia_smi_shows_them(self, library: StandInNvml, gpu_node: Node) -> None:
        Sampler().note(gpu_node)
        assert list(gpu_node.devices.values_list("memory_used_bytes", "utilisation")) == [(1000, 0), (2000, 10)]
        gpu_node.refresh_from_db()
        assert gpu_node.is_sampled

    def test_that_tell_nothing_any_more_show_nothing(self, library: StandInNvml, gpu_node: Node) -> None:
        Sampler().note(gpu_node)
        library.fails["nvmlInit"] = library.NVML_ERROR_UNKNOWN
        Sampler().note(gpu_node)
        assert set(gpu_node.devices.values_list("memory_used_bytes", "utilisation")) == {(None, None)}

    def test_that_are_lost_are_out_of_order_until_they_are_back(self, library: StandInNvml, gpu_node: Node) -> None:
        sampler = Sampler()
        sampler.note(gpu_node)
        library.fails["nvmlDeviceGetHandleByIndex 1"] = library.NVML_ERROR_GPU_IS_LOST
        sampler.note(gpu_node)
        assert list(gpu_node.devices.values_list("healthy", flat=True)) == [True, False]
        library.fails.clear()
        sampler.note(gpu_node)
        assert list(gpu_node.devices.values_list("healthy", flat=True)) == [True, True]

    def test_that_an_administrator_took_out_stay_out(self, library: StandInNvml, gpu_node: Node) -> None:
        gpu_node.devices.filter(index=0).update(healthy=False)
        Sampler().note(gpu_node)
        assert list(gpu_node.devices.values_list("healthy", flat=True)) == [False, True]


class TestCores:
    """Of a core the work that holds it is looked at."""

    @pytest.fixture
    def tree(self, node: Node, tmp_path: Any, request: pytest.FixtureRequest) -> Iterator[Run]:
        """A Run of these few lines on both cores of a node."""
        directory = RunDirectory(tmp_path / "run")
        directory.create()
        begun = tmp_path / "begun"
        program = request.param.format(begun=str(begun))
        launcher = LocalLauncher()
        spawned = launcher.start(Command(argv=(sys.executable, "-c", program)), list(node.devices.all()), directory)
        spawned.release()
        run = Run.objects.create(
            kind="training", team=Team.create(name="Violins"), state="running", node=node, launcher=spawned.handle,
            computed_at=timezone.now() - timedelta(hours=1),
        )  # fmt: skip
        Allocation.objects.bulk_create(Allocation(run=run, device=device) for device in node.devices.all())
        wait_until(begun.exists)
        yield run
        launcher.kill(spawned.handle)

    def looked_at_twice(self, sampler: Sampler, run: Run, seconds: float = 0.2) -> None:
        """Look, wait until some processor time could be used, look again."""
        sampler.note(run.node)  # type: ignore[arg-type]
        Run.objects.update(computed_at=timezone.now() - timedelta(hours=1))
        began = sampling.time.monotonic()
        wait_until(lambda: sampling.time.monotonic() - began > seconds)
        sampler.note(run.node)  # type: ignore[arg-type]
        run.refresh_from_db()

    @pytest.mark.parametrize("tree", [BUSY], indirect=True)
    def test_show_how_busy_its_work_keeps_them(self, tree: Run) -> None:
        sampler = Sampler()
        wait_until(lambda: processes.cpu_seconds_of(tree.launcher["pid"]) > 0)
        self.looked_at_twice(sampler, tree, seconds=1)
        shown = set(tree.node.devices.values_list("memory_used_bytes", "utilisation"))
        assert len(shown) == 1
        memory, percent = shown.pop()
        assert memory > 1_000_000
        assert 0 < percent <= 50, "one of its two cores, or what others leave of it"
        assert tree.computed_at > timezone.now() - timedelta(minutes=1)

    @pytest.mark.parametrize("tree", [ASLEEP], indirect=True)
    def test_show_that_it_computes_nothing(self, tree: Run) -> None:
        sampler = Sampler()
        sampler.note(tree.node)
        tree.refresh_from_db()
        assert tree.computed_at > timezone.now() - timedelta(minutes=1), "at the first look nothing is known"
        self.looked_at_twice(sampler, tree)
        assert tree.computed_at < timezone.now() - timedelta(minutes=30)
        assert set(tree.node.devices.values_list("utilisation", flat=True)) == {0}

    @pytest.mark.parametrize("tree", [ASLEEP], indirect=True)
    def test_show_nothing_once_it_is_gone(self, tree: Run) -> None:
        sampler = Sampler()
        self.looked_at_twice(sampler, tree)
        Allocation.objects.update(released_at=timezone.now())
        Run.objects.update(state="ended")
        sampler.note(tree.node)
        assert set(tree.node.devices.values_list("memory_used_bytes", "utilisation")) == {(None, None)}


def test_a_run_whose_gpu_is_busy_computes(library: StandInNvml, gpu_node: Node) -> None:
    """Although its processes take no time: they wait for the GPU."""
    handle = {"pid": 2**30, "started": 0, "boot_id": boot_id(), "oom_kills": 0}
    long_ago = timezone.now() - timedelta(hours=1)
    runs = [
        Run.objects.create(
            kind="training", team=Team.create(name=f"T{n}"), state="running", node=gpu_node, launcher=handle
        )
        for n in range(2)
    ]
    for run, device in zip(runs, gpu_node.devices.all(), strict=True):
        Allocation.objects.create(run=run, device=device)
    sampler = Sampler()
    sampler.note(gpu_node)
    Run.objects.update(computed_at=long_ago)
    sampler.note(gpu_node)
    assert list(Run.objects.filter(computed_at__gt=long_ago)) == [runs[1]], "GPU 1 is at 10 %, GPU 0 at none"
