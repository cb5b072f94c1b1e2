"""The environment of a process tree: a whitelist, so that no secret of the platform reaches it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from compute.models import Device, Node
from rundir import RunDirectory

PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "CUDA_HOME",
    "CUDA_PATH",
    "NVIDIA_DRIVER_CAPABILITIES",
    "VIRTUAL_ENV",
    "TORCH_EXTENSIONS_DIR",
    "CC",
    "CXX",
    # What a machine shall be taken for: machine.facts, oneDNN and PyTorch read these.
    "LUTHIER_MACHINE_WITHOUT",
    "ONEDNN_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def environment_for(devices: Sequence[Device], directory: RunDirectory) -> dict[str, str]:
    """Return the environment of a tree on `devices`, all of one node; its temporary files stay in its directory."""
    temporary = directory.root / "tmp"
    temporary.mkdir(exist_ok=True, mode=0o700)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {
        "PATH": os.pathsep.join([str(Path(settings.TRAINER_PYTHON).parent), environment.get("PATH", os.defpath)]),
        "HOME": str(directory.root),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    environment.setdefault("TORCH_EXTENSIONS_DIR", str(_extensions()))
    threads = str(_threads(devices))
    environment |= dict.fromkeys(THREADS, threads) | _waiting()
    return environment | _accelerator(devices)


def _waiting() -> dict[str, str]:
    """Return how a thread waits for the others at the end of each of the thousands of small parallel loops of a step.

    On its own cores it spins for some microseconds: 158 tokens/s instead of 100 on two cores. On cores that another
    program uses as well, spinning takes from the thread that is waited for (17 tokens/s), and sleeping at once is best.
    """
    return {"OMP_WAIT_POLICY": "PASSIVE"} if settings.SHARED_CORES else {"GOMP_SPINCOUNT": "10000"}


def _extensions() -> Path:
    """Return where DeepSpeed's compiled operators are: built once by `make setup`, else kept in the home."""
    built = Path(sys.prefix) / "torch_extensions"
    return built if built.is_dir() else Path(settings.LUTHIER_HOME) / "torch_extensions"


def _threads(devices: Sequence[Device]) -> int:
    """Return as many threads as cores are held; on GPUs the share of the host's cores that goes with them."""
    if not devices or devices[0].kind == Node.Kind.CPU:
        return max(1, len(devices))
    of_node = max(1, Device.objects.filter(node_id=devices[0].node_id, present=True).count())
    return max(1, len(os.sched_getaffinity(0)) // of_node)


def _accelerator(devices: Sequence[Device]) -> dict[str, str]:
    if devices and devices[0].kind == Node.Kind.CUDA:
        return {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES": ",".join(str(device.index) for device in devices),
            "DS_ACCELERATOR": "cuda",
        }
    return {"CUDA_VISIBLE_DEVICES": "", "DS_ACCELERATOR": "cpu"}
