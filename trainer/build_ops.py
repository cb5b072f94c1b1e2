"""Compile our functions and DeepSpeed's operators now, so that the first training does not have to.

`python -m trainer.build_ops [--offload | --ours]` writes to TORCH_EXTENSIONS_DIR, or to torch's own cache folder.
"""

import argparse
import sys
import time
from typing import Any

from trainer.environment import prepare_environment


def main(argv: list[str]) -> int:
    """Compile what is asked for; return 1 when something could not be compiled."""
    parser = argparse.ArgumentParser(prog="python -m trainer.build_ops", description=__doc__)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--offload", action="store_true", help="also the optimizer that ZeRO-Offload needs")
    chosen.add_argument("--ours", action="store_true", help="our functions alone, all that one rank on a CPU needs")
    arguments = parser.parse_args(argv)
    prepare_environment()
    if not _build_native():
        return 1
    if arguments.ours:
        return 0
    from deepspeed.accelerator import get_accelerator

    wanted = {"ShareMemCommBuilder": "shared-memory communication between ranks"}
    if arguments.offload:
        wanted["CPUAdamBuilder"] = "the optimizer of ZeRO-Offload"
    return max(_build(purpose, get_accelerator().create_op_builder(name)) for name, purpose in wanted.items())


def _build_native() -> bool:
    from machine.answers import why_not
    from machine.facts import Ability

    print("Compiling the trainer's own functions for this processor …", flush=True)
    reason = why_not(Ability.COMPILER)
    if reason:
        print(
            f"They could not be compiled: {reason}. Install g++, then run python -m trainer.build_ops.", file=sys.stderr
        )
    return not reason


def _build(purpose: str, builder: Any) -> int:
    if builder is None:
        print(f"This device has no use for {purpose}.")
        return 0
    print(f"Compiling {purpose} …", flush=True)
    started_at = time.monotonic()
    try:
        builder.load()
    except Exception as error:
        print(f"It could not be compiled: {error}. Install g++ and Python's headers, then try again.", file=sys.stderr)
        return 1
    print(f"Done in {time.monotonic() - started_at:.0f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
