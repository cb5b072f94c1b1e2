"""The trainer's own functions on processors that this machine is not: compiled for each, run under qemu-user.

`python tools/emulated.py` needs Debian's qemu-user, g++ and g++-aarch64-linux-gnu; a processor whose compiler or
emulator is missing is named and left out. Ends with 1 when one computes wrongly, 2 when none could be tried.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from trainer.native import FLAGS, SOURCES  # noqa: E402

RUN_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Processor:
    """What is compiled for, and how it is emulated."""

    name: str
    compiler: str
    target: tuple[str, ...]
    emulator: tuple[str, ...]


PROCESSORS = (
    Processor(
        name="Haswell (AVX2)",
        compiler="x86_64-linux-gnu-g++",
        target=("-march=haswell",),
        emulator=("qemu-x86_64", "-cpu", "Haswell"),
    ),
    Processor(
        name="x86-64 without AVX",
        compiler="x86_64-linux-gnu-g++",
        target=(),
        emulator=("qemu-x86_64", "-cpu", "Nehalem"),
    ),
    Processor(
        name="Arm (Cortex-A72)",
        compiler="aarch64-linux-gnu-g++",
        target=(),
        emulator=("qemu-aarch64", "-cpu", "cortex-a72"),
    ),
)


def main() -> int:
    """Check every processor that can be had here."""
    results = [check(processor) for processor in PROCESSORS]
    tried = [result for result in results if result is not None]
    if not tried:
        print("No processor could be tried. Install qemu-user, g++ and g++-aarch64-linux-gnu.", file=sys.stderr)
        return 2
    return 0 if all(tried) else 1


def check(processor: Processor) -> bool | None:
    """Return whether all functions are right on `processor`; None where it cannot be emulated here."""
    missing = [tool for tool in (processor.compiler, processor.emulator[0]) if not shutil.which(tool)]
    if missing:
        print(f"{processor.name}: left out, for want of {' and '.join(missing)}")
        return None
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        made = compiled(processor, Path(folder) / "emulated")
        done = subprocess.run([*processor.emulator, str(made)], capture_output=True, text=True, timeout=RUN_SECONDS)
    print(done.stdout + (done.stderr if done.returncode else ""), end="")
    print(f"{processor.name}: {'right' if done.returncode == 0 else 'WRONG'}, {time.monotonic() - started_at:.0f} s")
    return done.returncode == 0


def compiled(processor: Processor, path: Path) -> Path:
    """Compile the functions as the trainer does, with the program that asks them."""
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC")]
    sources = [*sorted(SOURCES.glob("*.cpp")), ROOT / "tools" / "emulated.cpp"]
    # Static: the emulated program finds no library of its own processor here.
    command = [processor.compiler, *flags, "-static", *processor.target, *map(str, sources), "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{processor.name}: the functions do not compile.\n{done.stderr}")
    return path


if __name__ == "__main__":
    sys.exit(main())
