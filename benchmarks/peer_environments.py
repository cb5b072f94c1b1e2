"""The environments of the training benchmarks' peers, each made when it is first needed, and what they are given."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine.facts import trains_faster_in_bf16

TORCH = "torch>=2.13,<2.14"
PACKAGES = {
    "llamafactory": (TORCH, "llamafactory==0.9.5"),
    "trl": (TORCH, "trl[peft]==1.16.0", "rich"),
    "swift": (TORCH, "ms-swift==4.6.0"),
}


def folder() -> Path:
    """Return where the peers' environments lie, outside of the repository's."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("LUTHIER_PEERS") or cache / "luthier-peers")


def environment_of(peer: str) -> Path:
    """Return the folder of `peer`'s virtual environment, installed now if it is not there.

    Torchvision and torchaudio come as builds for CUDA that a CPU's PyTorch cannot load, and the peers only ask whether
    they are there: they go, and for LLaMA-Factory an empty torchaudio takes the place of the one.
    """
    home = folder() / peer
    if (home / "ready").exists():
        return home
    print(f"installing {PACKAGES[peer][1]} in an environment of its own …", flush=True)
    if not (home / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip = [str(home / "bin" / "python"), "-m", "pip"]
    subprocess.run([*pip, "install", "-q", *PACKAGES[peer]], check=True)
    subprocess.run([*pip, "uninstall", "-q", "-y", "torchvision", "torchaudio"], check=True)
    if peer == "llamafactory":
        packages = next((home / "lib").glob("python*/site-packages"))
        (packages / "torchaudio").mkdir(exist_ok=True)
        (packages / "torchaudio" / "__init__.py").write_text("")
    (home / "ready").touch()
    return home


def fastest_base(model: Path) -> Path:
    """Return the base in the format in which a peer trains fastest here: bfloat16, as it is stored, is several times
    slower where the processor has no units for it."""
    return model if trains_faster_in_bf16() else fp32_copy(model)


def fp32_copy(model: Path) -> Path:
    """Return the same model stored in fp32: the peers train in the format in which a base is stored."""
    target = folder() / "models" / f"{model.name}-fp32"
    if (target / "ready").exists():
        return target
    import torch
    from transformers import AutoModelForCausalLM

    shutil.rmtree(target, ignore_errors=True)
    AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, local_files_only=True).save_pretrained(target)
    for path in model.iterdir():
        if path.name.startswith(("tokenizer", "chat_template", "special_tokens", "generation_config")):
            shutil.copy(path, target)
    (target / "ready").touch()
    return target


def process_environment(work: Path, **more: str) -> dict[str, str]:
    """Return the environment of a peer's process: all cores, no GPU, no hub."""
    environment = {
        **os.environ, "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1", "HF_HOME": str(work / "hf"), "PYTHONPATH": "", "TOKENIZERS_PARALLELISM": "false", **more,
    }  # fmt: skip
    environment.pop("GOMP_SPINCOUNT", None)
    return environment


def fresh(work: Path, rows: list[dict[str, Any]], name: str) -> Path:
    """Empty `work` and write the rows into `work/data/NAME`, a line each or as one array; return that file."""
    shutil.rmtree(work, ignore_errors=True)
    path = work / "data" / name
    path.parent.mkdir(parents=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n" if name.endswith("l") else "[" + ",\n".join(lines) + "]")
    return path
