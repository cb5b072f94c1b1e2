"""The peers of the training benchmarks: each in an environment of its own, made when it is first needed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

LLAMA_FACTORY = "llamafactory==0.9.5"


def folder() -> Path:
    """Return where the peers' environments lie, outside of the repository's."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("LUTHIER_PEERS") or cache / "luthier-peers")


def llama_factory() -> Path:
    """Return LLaMA-Factory's command line, installed now if it is not there.

    Its torchvision and torchaudio are builds for CUDA that a CPU's PyTorch cannot load, and it only asks whether they
    are there: they go, and an empty torchaudio takes the place of the one.
    """
    home = folder() / "llamafactory"
    command = home / "bin" / "llamafactory-cli"
    mark = home / "ready"
    if not mark.exists():
        print("installing LLaMA-Factory in an environment of its own …", flush=True)
        if not (home / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip"]
        subprocess.run([*pip, "install", "-q", "torch>=2.13,<2.14", LLAMA_FACTORY], check=True)
        subprocess.run([*pip, "uninstall", "-q", "-y", "torchvision", "torchaudio"], check=True)
        packages = next((home / "lib").glob("python*/site-packages"))
        (packages / "torchaudio").mkdir(exist_ok=True)
        (packages / "torchaudio" / "__init__.py").write_text("")
        mark.touch()
    return command


def llama_factory_run(work: Path, *, model: Path, rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """Write data and configuration for LLaMA-Factory into `work`; return what to start: argv, environment, folder."""
    shutil.rmtree(work, ignore_errors=True)
    data = work / "data"
    data.mkdir(parents=True)
    (data / "rows.json").write_text(json.dumps(rows, ensure_ascii=False))
    tags = {
        "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
        "system_tag": "system",
    }  # fmt: skip
    info = {
        "rows": {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    }
    (data / "dataset_info.json").write_text(json.dumps(info))
    config = {
        "stage": "sft", "do_train": True, "finetuning_type": "lora", "lora_rank": 8, "lora_alpha": 32,
        "lora_dropout": 0.0, "lora_target": "all", "model_name_or_path": str(model), "dataset": "rows",
        "dataset_dir": str(data), "template": "chatml", "cutoff_len": 512, "output_dir": str(work / "out"),
        "logging_steps": 1, "report_to": "none", "save_strategy": "no", "optim": "adamw_torch", "weight_decay": 0.0,
        "lr_scheduler_type": "cosine", "warmup_ratio": 0.1, "bf16": False, "fp16": False, "seed": 1,
        "gradient_accumulation_steps": 1, "disable_gradient_checkpointing": True, "dataloader_num_workers": 0,
        "preprocessing_num_workers": 1, "overwrite_cache": True, **options,
    }  # fmt: skip
    path = work / "train.yaml"  # JSON is YAML, and their reader of .json files fails
    path.write_text(json.dumps(config))
    environment = {
        **os.environ, "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1", "DISABLE_VERSION_CHECK": "1", "HF_HOME": str(work / "hf"), "PYTHONPATH": "",
    }  # fmt: skip
    environment.pop("GOMP_SPINCOUNT", None)
    return {"argv": [str(llama_factory()), "train", str(path)], "env": environment, "cwd": str(work)}
