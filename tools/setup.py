"""`make setup`: makes .venv with everything, the CPU or the CUDA build of PyTorch by what the machine has.

Standard library only: it runs before anything is installed. Each step says what it does and how long it took; a step
that was done for the same pyproject.toml is not done again.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "luthier-setup.txt"
TORCH = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
EXTRAS = "train,serve,embedded,dev"


def main() -> None:
    """Bring .venv up to date with pyproject.toml."""
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
    install_torch()
    step("installing Luthier and what it stands on", lambda: pip("install", "-e", f"{ROOT}[{EXTRAS}]"))
    step("compiling what trains (once)", build_operators)
    compile_translations()
    STAMP.write_text(wanted)
    print(f"setup: done in {time.monotonic() - started:.0f} s")


def fingerprint() -> str:
    """Return what .venv was made from: pyproject.toml, the interpreter and the kind of PyTorch."""
    content = (
        (ROOT / "pyproject.toml").read_bytes() + sys.version.encode() + str(has_gpu()).encode() + str(ROOT).encode()
    )
    return hashlib.sha256(content).hexdigest()


def has_gpu() -> bool:
    """True where nvidia-smi answers."""
    if not shutil.which("nvidia-smi"):
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0


def install_torch() -> None:
    """Install the build of PyTorch that fits; never gigabytes of CUDA onto a machine without a GPU."""
    if has_gpu():
        print("setup: nvidia-smi answers, so PyTorch's CUDA build is installed")
        step("installing PyTorch (CUDA)", lambda: pip("install", f"torch=={TORCH}"))
        return
    print("setup: nvidia-smi does not answer, so PyTorch's CPU build is installed (0.2 GB instead of 3 GB)")
    if os.uname().machine != "x86_64":  # elsewhere the package index's own build is the CPU build
        step("installing PyTorch (CPU)", lambda: pip("install", f"torch=={TORCH}"))
        return
    step("installing PyTorch (CPU)", install_cpu_torch)


def install_cpu_torch() -> None:
    """Take a "+cpu" wheel from where pip is configured to look, else from PyTorch's own index."""
    wheel = f"torch=={TORCH}+cpu"
    if run_pip("install", wheel).returncode != 0:
        pip("install", wheel, "--index-url", CPU_INDEX)


def build_operators() -> None:
    """Compile what a first job would otherwise wait for: our functions; beside a GPU DeepSpeed's operators, too."""
    environment = dict(os.environ, TORCH_EXTENSIONS_DIR=str(VENV / "torch_extensions"))
    environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment['PATH']}"
    command = [str(PYTHON), "-m", "trainer.build_ops", "--offload" if has_gpu() else "--ours"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(*done.stderr.strip().splitlines()[-1:])
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
