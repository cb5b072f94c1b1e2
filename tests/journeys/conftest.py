"""Platforms for the journeys: one with the real starter model, one with a tiny random Llama and scaled times."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.figures import REAL_TIMES, Figures
from tests.journeys.harness import ROOT, RunningPlatform
from tests.journeys.tiny_model import write_tiny_llama

FULL = bool(os.environ.get("LUTHIER_TEST_FULL"))
TIME_SCALE = 1.0 if REAL_TIMES else 0.2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A journey that fails elsewhere can only be understood by what its platforms wrote."""
    report = yield
    if report.failed:
        for platform in dict.fromkeys(v for v in _fixtures(item).values() if isinstance(v, RunningPlatform)):
            report.sections.append((f"serve.log of {platform.home.name}", platform.last_lines(60)))
    return report


def _fixtures(item: pytest.Item) -> dict[str, object]:
    return getattr(item, "funcargs", {})


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Take what the test measures of its fault."""
    return Figures(request.node)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the shared platform after its last journey: idle, at scaled times, it takes a sixth of a core."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        shared = _fixtures(item).get("shared_platform")
        if isinstance(shared, RunningPlatform):
            shared.stop()


@pytest.fixture(scope="session")
def homes() -> Iterator[Path]:
    """A short folder for homes; longest paths have a test of their own."""
    folder = Path(tempfile.mkdtemp(prefix="lj-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def real_platform(homes: Path) -> Iterator[RunningPlatform]:
    """The platform with SmolLM2-135M-Instruct, at real times; one module uses it."""
    platform = RunningPlatform(homes / "real")
    _share_models(platform.home)
    platform.start(seconds=240)
    yield platform
    platform.stop()


@pytest.fixture(scope="session")
def tiny_folder(homes: Path) -> Path:
    folder = homes / "tiny-llama"
    write_tiny_llama(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_platform(homes: Path, request: pytest.FixtureRequest) -> Iterator[RunningPlatform]:
    """A platform of the module's own, to be hurt: see `_tiny_platform`.

    At real times: a killed worker must be back before its lease ends, on cores that all other tests use, too.
    """
    home = homes / request.module.__name__.rpartition(".")[2][-12:]
    with _tiny_platform(home, request, time_scale=1.0) as platform:
        yield platform


@pytest.fixture(scope="session")
def shared_platform(homes: Path, request: pytest.FixtureRequest) -> Iterator[RunningPlatform]:
    """One for the modules that only upload and train: they kill nothing and count nothing but theirs."""
    with _tiny_platform(homes / "shared", request) as platform:
        yield platform


@contextmanager
def _tiny_platform(
    home: Path, request: pytest.FixtureRequest, *, time_scale: float = TIME_SCALE
) -> Iterator[RunningPlatform]:
    """Run a platform whose base model `tiny` is a random two-layer Llama, with all times scaled.

    In the full suite `tiny` is the real starter, at the real times.
    """
    platform = RunningPlatform(
        home,
        time_scale=time_scale,
        environment={"LUTHIER_OUTBOUND_ALLOW": "127.0.0.0/8", **({} if FULL else {"LUTHIER_STARTER_MODEL": ""})},
    )
    if FULL:
        _share_models(platform.home)
    platform.start(seconds=240)
    folder = next((platform.home / "models").glob("smollm2*")) if FULL else request.getfixturevalue("tiny_folder")
    platform.manage("register_model", "--id", "tiny", "--path", str(folder))
    yield platform
    platform.stop()


def _share_models(home: Path) -> None:
    """Use the models that `make demo` or `make serve` already fetched into this checkout's home, if any."""
    source = ROOT / "var" / "models"
    if source.is_dir() and not (home / "models").exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copytree(source, home / "models")
