"""`make requirements`: writes requirements-cpu.txt and requirements-cuda.txt anew from pyproject.toml.

Each names every package with its version and the SHA-256 of each of its files, for Python 3.11 to 3.13 on Linux, x86-64
and Arm. uv resolves them, since it alone resolves for all of these at once. Both files hold the same versions.

PyTorch's build for processors ("+cpu") lies on PyTorch's own index, which states its hashes. Where that index cannot be
reached, the hashes of the same version stay as they are. No file names an index: pip takes packages from where it is
configured to look, and the hashes say whether they are the right ones.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu/torch/"
RUNNING = ("train", "serve", "gpu", "tracing")
DEVELOPING = ("embedded", "dev", "demo")
GPU_ALONE = re.compile(r"(?:nvidia-(?!ml-py)|cuda-|triton|liger-kernel)")
"""What PyTorch's build for processors does without."""
WHEEL = re.compile(r'href="[^"#]*/torch-([^"#/-]+)-cp3(?:11|12|13)-[^"#]*manylinux[^"#]*\.whl#sha256=([0-9a-f]{64})"')
SECTIONS = (
    "# Written by `make requirements`. First what compiles, so that set-up can begin with it",
    "# What else the platform runs on",
    "# For development, tests and the embedded servers",
)
"""Read by tools/setup.py and the Dockerfile."""
COMPILING = "torch", "deepspeed", "ninja"


def main() -> None:
    """Write both files."""
    entries = entries_of(resolve("pyproject.toml", extras=RUNNING + DEVELOPING, options=["--generate-hashes"]))
    pins = [entry.partition(" \\")[0] for _, entry in entries]
    running = resolve("pyproject.toml", extras=RUNNING, options=["--constraints", "-"], given=pins)
    compiling = resolve("-", given=[pin for pin in pins if pin.partition("==")[0] in COMPILING])
    sections = [{name for name, _ in entries_of(text)} for text in (compiling, running)]
    write("cuda", entries, sections)
    version = next(pin.removeprefix("torch==") for pin in pins if pin.startswith("torch=="))
    torch = cpu_torch(f"{version}+cpu")
    on_processors = [(name, entry) for name, entry in entries if not GPU_ALONE.match(name)]
    write("cpu", [(name, torch if name == "torch" else entry) for name, entry in on_processors], sections)


def entries_of(text: str) -> list[tuple[str, str]]:
    """Return each package's name and its lines; one may stand there twice, for different versions of Python."""
    return [(entry.partition("==")[0], entry) for entry in re.split(r"\n(?=\S)", text.strip())]


def resolve(source: str, *, extras: Iterable[str] = (), options: Iterable[str] = (), given: Iterable[str] = ()) -> str:
    """Return what uv finds for `source`, one package after another; `given` is what a "-" stands for."""
    command = [
        str(Path(sys.executable).parent / "uv"), "pip", "compile", source, "--universal", "--quiet",
        "--python-version", "3.11", "--no-header", "--no-annotate", *options,
        *(part for extra in extras for part in ("--extra", extra)),
    ]  # fmt: skip
    lines = "\n".join(given)
    return subprocess.run(command, cwd=ROOT, input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout


def cpu_torch(version: str) -> str:
    """Return the entry of PyTorch's build for processors."""
    try:
        with urlopen(CPU_INDEX, timeout=30) as page:
            found = listed(page.read().decode(), version)
    except URLError as error:
        print(f"requirements: PyTorch's index cannot be reached ({error.reason}); its hashes stay as they are.")
        found = kept(version)
    if not found:
        sys.exit(f"requirements: no hash of torch {version} is known. Run this where {CPU_INDEX} can be reached.")
    return " \\\n".join([f"torch=={version}", *(f"    --hash=sha256:{hash_}" for hash_ in sorted(found))])


def listed(page: str, version: str) -> set[str]:
    """Return the hashes that an index states for this version."""
    return {hash_ for name, hash_ in WHEEL.findall(page) if unquote(name) == version}


def kept(version: str) -> set[str]:
    """Return the hashes that requirements-cpu.txt has for this version."""
    path = ROOT / "requirements-cpu.txt"
    entry = re.search(rf"^torch=={re.escape(version)} [^#]*?\n(?=\S)", path.read_text() if path.exists() else "", re.M)
    return set(re.findall(r"sha256:(\w+)", entry[0])) if entry is not None else set()


def write(kind: str, entries: list[tuple[str, str]], sections: list[set[str]]) -> None:
    """Write requirements-KIND.txt: each package in the first section that names it, else in the last one."""
    lines: list[list[str]] = [[title] for title in SECTIONS]
    for name, entry in entries:
        found = next((number for number, names in enumerate(sections) if name in names), len(sections))
        lines[found].append(entry)
    (ROOT / f"requirements-{kind}.txt").write_text("\n".join(line for section in lines for line in section) + "\n")
    print(f"requirements-{kind}.txt: {', '.join(str(len(section) - 1) for section in lines)} packages")


if __name__ == "__main__":
    main()
