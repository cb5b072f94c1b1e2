"""The requirements files name what pyproject.toml asks for, by version and hash, and no index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import requirements, setup

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("cpu", "cuda")
GPU_ALONE = {"liger-kernel"}


def entries_of(kind: str) -> list[tuple[str, str]]:
    text = (ROOT / f"requirements-{kind}.txt").read_text()
    found = requirements.entries_of(text)
    return [(name, entry) for name, entry in found if not entry.startswith("#")]


def versions_of(kind: str) -> dict[str, set[str]]:
    """Return each package's versions: one may differ by that of Python."""
    found: dict[str, set[str]] = {}
    for name, entry in entries_of(kind):
        found.setdefault(canonicalize_name(name), set()).add(entry.partition("==")[2].split()[0])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_package_has_its_hashes_and_no_index(kind: str) -> None:
    for name, entry in entries_of(kind):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", entry, re.MULTILINE), name
    text = (ROOT / f"requirements-{kind}.txt").read_text()
    assert not re.search(r"https?:|--(?:extra-)?index|--find-links| @ ", text)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_project_asks_for_is_there(kind: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    versions = versions_of(kind)
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if kind == "cpu" and name in GPU_ALONE:
            assert name not in versions
            continue
        assert all(requirement.specifier.contains(version) for version in versions[name]), name


def test_both_files_hold_the_same_versions() -> None:
    cpu, cuda = versions_of("cpu"), versions_of("cuda")
    assert cpu.pop("torch") == {f"{version}+cpu" for version in cuda.pop("torch")}
    assert cpu == {name: versions for name, versions in cuda.items() if not requirements.GPU_ALONE.match(name)}


def test_the_cpu_build_has_a_hash_for_each_python_and_processor() -> None:
    [entry] = [entry for name, entry in entries_of("cpu") if name == "torch"]
    assert entry.count("--hash") == len(("3.11", "3.12", "3.13")) * len(("x86_64", "aarch64"))


def test_set_up_and_the_image_find_the_sections() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for kind in KINDS:
        text = (ROOT / f"requirements-{kind}.txt").read_text()
        assert len(re.split(setup.REST, text)) == 2
        [title] = re.findall(r"/\^(#[^/]+)/", dockerfile)
        assert text.count(f"\n{title}") == 1


def test_hashes_of_pytorchs_index_are_those_of_the_pythons_and_processors() -> None:
    page = "".join(
        f'<a href="/whl/cpu/torch-{version}%2Bcpu-cp{python}-cp{python}-{platform}.whl#sha256={digit * 64}">\n'
        for digit, version, python, platform in [
            ("1", "2.13.0", "311", "manylinux_2_28_x86_64"),
            ("2", "2.13.0", "313", "manylinux_2_28_aarch64"),
            ("3", "2.13.0", "310", "manylinux_2_28_x86_64"),
            ("4", "2.13.0", "311", "win_amd64"),
            ("5", "2.12.0", "311", "manylinux_2_28_x86_64"),
        ]
    )
    assert requirements.listed(page, "2.13.0+cpu") == {"1" * 64, "2" * 64}
