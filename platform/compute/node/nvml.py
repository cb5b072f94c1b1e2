"""NVIDIA's management library: which GPUs a node has, and how much of each is used. Each answer may be "no"."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU as NVML names it."""

    index: int
    name: str
    memory_bytes: int
    """0: it shares the host's memory and has none of its own to tell."""


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """How much of a GPU is used; None is what it does not tell, such as the utilisation of one that is cut up (MIG)."""

    memory_used_bytes: int | None = None
    utilisation: int | None = None
    """Percent of the last moment in which anything was computed, as nvidia-smi shows it."""
    is_lost: bool = False
    """It has fallen off the bus, or must be reset: nothing can be computed on it."""


def gpus() -> list[Gpu]:
    """Return the NVIDIA GPUs; none where the package, the library or the driver is missing."""
    with _library() as nvml:
        if nvml is None:
            return []
        try:
            return [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError as error:
            logger.warning("NVML is there but cannot tell the GPUs: %s. The node offers its cores.", error)
            return []


def use() -> dict[int, GpuUse]:
    """Return how much of each GPU is used, by its index; {} where NVML does not answer."""
    with _library() as nvml:
        if nvml is None:
            return {}
        try:
            return {index: _use(nvml, index) for index in range(nvml.nvmlDeviceGetCount())}
        except nvml.NVMLError as error:
            logger.warning("NVML is there but cannot tell what is used: %s", error)
            return {}


@contextmanager
def _library() -> Iterator[Any]:
    """Have NVML answer; None where it cannot. Imported here: a node of cores needs no such package."""
    try:
        import pynvml
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no library, no driver, or not allowed
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = str(nvml.nvmlDeviceGetName(handle))
    try:
        memory = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    except nvml.NVMLError:
        memory = 0
    return Gpu(index=index, name=name, memory_bytes=memory)


def _use(nvml: Any, index: int) -> GpuUse:
    """Ask for each figure by itself: what one GPU refuses, another tells."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = _told(nvml, lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used))
        utilisation = _told(nvml, lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
    except nvml.NVMLError as error:
        return GpuUse(is_lost=_is_lost(nvml, error))
    return GpuUse(memory_used_bytes=memory, utilisation=utilisation)


def _told(nvml: Any, ask: Any) -> int | None:
    """Return a figure, or None where this GPU has no such one; that it is gone is raised."""
    try:
        found: int = ask()
    except nvml.NVMLError as error:
        if _is_lost(nvml, error):
            raise
        return None
    return found


def _is_lost(nvml: Any, error: Any) -> bool:
    return error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED)
