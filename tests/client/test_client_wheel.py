"""The wheel: small, typed, and enough by itself, without torch or Django."""

import importlib
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDED = ("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "sniffio", "typing_extensions", "click")
"""What the wheel names, and what those need."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT / "client", check=True, capture_output=True)
    [found] = target.glob("*.whl")
    return found


def test_names_little_and_is_typed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = Parser().parsestr(archive.read(next(name for name in names if name.endswith("METADATA"))).decode())
        entry = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {"luthier/py.typed", "luthier/zh.json", "luthier/generated/types.py"} <= set(names)
    assert wheel.stat().st_size < 300_000
    needed = [one for one in about.get_all("Requires-Dist") or [] if "extra ==" not in one]
    assert sorted(one.split("<")[0].split(">")[0] for one in needed) == ["click", "httpx"]
    assert about["Requires-Python"] == ">=3.9"
    assert "luthier = luthier.cli:main" in entry


def test_works_with_nothing_but_what_it_names(wheel: Path, tmp_path: Path) -> None:
    for name in NEEDED:
        source = Path(str(importlib.import_module(name).__file__))
        source = source.parent if source.name == "__init__.py" else source
        (tmp_path / source.name).symlink_to(source)
    info = Path(str(distribution("click")._path))  # type: ignore[attr-defined]
    (tmp_path / info.name).symlink_to(info)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
        modules = [name[:-3].replace("/", ".") for name in archive.namelist() if name.endswith(".py")]
    apart = {"luthier.__main__", "luthier.agents.server", "luthier.agents.stdio"}
    names = [name.removesuffix(".__init__") for name in modules if name not in apart]
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import importlib\n"
    program += f"for name in {names}: importlib.import_module(name)\n"
    program += (
        "print({n for n in ('django', 'torch', 'mcp', 'rest_framework') if n in sys.modules}); print(len(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("set()")


@pytest.mark.slow
def test_installs_into_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """By pip, from where it is configured to look."""
    venv.create(tmp_path, with_pip=True)
    subprocess.run([tmp_path / "bin" / "pip", "install", "-q", str(wheel)], check=True, capture_output=True)
    done = subprocess.run([tmp_path / "bin" / "luthier", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("luthier, version")
    installed = {path.name.partition("-")[0].lower() for path in tmp_path.glob("lib/*/site-packages/*.dist-info")}
    assert not installed & {"torch", "django", "mcp", "pydantic"}
    assert len(installed) < 14, installed
