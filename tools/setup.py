"""`make setup`: makes .venv with everything, the CPU or the CUDA build of PyTorch by what the machine has.

Standard library only: it runs before anything is installed. Each step says what it does and how long it took; a step
that was done for the same requirements is not done again. Packages come by the hashes that requirements-cpu.txt or
requirements-cuda.txt names.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from functools import cache
from pathlib import Path
from subprocess import PIPE, STDOUT

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "luthier-setup.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
REST = r"\n(?=# What else)"
"""Where a requirements file has named all that compiles."""
BY_HASH = ("install", "--no-deps", "--no-compile", "--require-hashes", "-r")
"""Modules are compiled when they are imported first: most never are, and compiling all took a third of set-up."""


def main() -> None:
    """Bring .venv up to date with its requirements."""
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 a stranger has
        sys.exit(f"Luthier needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).")
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        print("setup: .venv is up to date")
        compile_translations()
        return
    started = time.monotonic()
    if not PYTHON.exists():
        step("making .venv", lambda: venv.create(VENV, with_pip=True))
    compiling, others = re.split(REST, requirements().read_text())
    step("installing PyTorch and DeepSpeed", lambda: install_torch(compiling))
    compiler = start_compiler()
    step("installing everything else", lambda: install(others))
    pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    compile_translations()
    step("waiting for the compiler", lambda: wait_for(compiler))
    STAMP.write_text(wanted)
    print(f"setup: done in {time.monotonic() - started:.0f} s")


def fingerprint() -> str:
    """Return what .venv was made from: what is asked for, the interpreter and the folder."""
    content = [(ROOT / "pyproject.toml").read_bytes(), requirements().read_bytes(), sys.version.encode(), bytes(ROOT)]
    return hashlib.sha256(b"".join(content)).hexdigest()


@cache
def requirements() -> Path:
    """Return the file of packages with their hashes that fits this machine."""
    return ROOT / f"requirements-{'cuda' if has_gpu() else 'cpu'}.txt"


@cache
def has_gpu() -> bool:
    """True where nvidia-smi answers."""
    if not shutil.which("nvidia-smi"):
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0


def install_torch(entries: str) -> None:
    """Install the build of PyTorch that fits, and what compiles with it; never gigabytes of CUDA without a GPU.

    A "+cpu" wheel is taken from where pip is configured to look, else from PyTorch's own index.
    """
    if has_gpu():
        print("setup: nvidia-smi answers, so PyTorch's CUDA build is installed")
        return install(entries)
    print("setup: nvidia-smi does not answer, so PyTorch's CPU build is installed (0.2 GB instead of 3 GB)")
    torch = next(entry for entry in re.split(r"\n(?=\S)", entries) if entry.startswith("torch=="))
    if run_pip(*BY_HASH, kept(torch)).returncode != 0:
        pip(*BY_HASH, kept(torch), "--index-url", CPU_INDEX)
    return install(entries)


def install(entries: str) -> None:
    """Install packages that are all named with their hashes, and nothing else."""
    pip(*BY_HASH, kept(entries))


def kept(entries: str) -> str:
    """Return the path of a file with these entries, which pip wants."""
    path = VENV / "requirements.txt"
    path.write_text(entries)
    return str(path)


def start_compiler() -> "subprocess.Popen[str]":
    """Compile in the background what a first job would otherwise wait for, and the first one on two ranks."""
    environment = dict(os.environ, TORCH_EXTENSIONS_DIR=str(VENV / "torch_extensions"))
    environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment['PATH']}"
    command = [str(PYTHON), "-m", "trainer.build_ops", *(["--offload"] if has_gpu() else [])]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT, text=True)


def wait_for(compiler: "subprocess.Popen[str]") -> None:
    """Wait for the compiler; what it could not do is reported, and does not stop the set-up."""
    said, _ = compiler.communicate()
    if compiler.returncode:
        print(*said.strip().splitlines()[-1:])
        print("setup: training works without it, slower: PyTorch's own functions are used")


def compile_translations() -> None:
    check(subprocess.run([PYTHON, "tools/translations.py", "compile"], cwd=ROOT, capture_output=True, text=True))


def pip(*arguments: str) -> None:
    check(run_pip(*arguments))


def run_pip(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def check(done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n")
        sys.exit(f"setup: this command failed: {' '.join(map(str, done.args))}")


def step(title: str, work: "object") -> None:
    print(f"setup: {title} …", flush=True)
    started = time.monotonic()
    work()  # type: ignore[operator]
    print(f"setup: {title}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
