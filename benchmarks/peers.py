"""The training benchmarks' peers, each in its fastest correct setting on a CPU, and what one run of it was."""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.peer_environments import environment_of, fp32_copy, fresh, process_environment

CHATML_WITH_GENERATION = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TOKENISED_BY_TRL = (
    "import json, sys; from transformers import AutoTokenizer as T; t = T.from_pretrained(sys.argv[1]);"
    "r = json.loads(open(sys.argv[2]).readline());"
    "f = t.apply_chat_template(r['messages'], return_dict=True, return_assistant_tokens_mask=True);"
    "print(json.dumps([f['input_ids'], [i if m else -100 for i, m in zip(f['input_ids'], f['assistant_masks'])]]))"
)


@dataclass(frozen=True, kw_only=True)
class PeerRun:
    """One training by a peer."""

    losses: list[float]
    """Of each step."""
    seconds: float
    """Of its training, by its own clock."""
    peak_bytes: int
    """The most memory that its process has held."""
    ids: list[int]
    """Of its first row."""
    labels: list[int]
    """Of its first row, -100 where nothing is learned."""


class Peer(Protocol):
    """Somebody else's trainer."""

    name: str

    def train(self, work: Path, model: Path, rows: list[dict[str, Any]], *, batch: int) -> PeerRun:
        """Train one epoch of LoRA (r 8, alpha 32, all linear layers) in fp32 at a rate of 1e-4."""


class LlamaFactory:
    """llamafactory-cli train"""

    name = "LLaMA-Factory"

    def train(self, work: Path, model: Path, rows: list[dict[str, Any]], *, batch: int) -> PeerRun:
        run = llama_factory_run(
            work, model=fp32_copy(model), rows=rows, per_device_train_batch_size=batch, num_train_epochs=1.0,
            learning_rate=1e-4,
        )  # fmt: skip
        log, peak = watched(run["argv"], env=run["env"], cwd=run["cwd"])
        state = json.loads((work / "out" / "trainer_state.json").read_text())["log_history"]
        return PeerRun(
            losses=[float(entry["loss"]) for entry in state if "loss" in entry],
            seconds=next(float(entry["train_runtime"]) for entry in state if "train_runtime" in entry),
            peak_bytes=peak,
            ids=_printed(log, r"input_ids:\s*"),
            labels=_printed(log, r"label_ids:\s*"),
        )


class Swift:
    """swift sft"""

    name = "ms-swift"

    def train(self, work: Path, model: Path, rows: list[dict[str, Any]], *, batch: int) -> PeerRun:
        data = fresh(work, rows, "rows.jsonl")
        options = {
            "model": fp32_copy(model), "model_type": "llama", "template": "chatml", "dataset": data,
            "tuner_type": "lora", "lora_rank": 8, "lora_alpha": 32, "lora_dropout": 0, "target_modules": "all-linear",
            "torch_dtype": "float32", "num_train_epochs": 1, "per_device_train_batch_size": batch,
            "gradient_accumulation_steps": 1, "learning_rate": 1e-4, "lr_scheduler_type": "cosine",
            "warmup_ratio": 0.1, "weight_decay": 0, "gradient_checkpointing": "false", "logging_steps": 1,
            "save_strategy": "no", "report_to": "none", "output_dir": work / "out", "add_version": "false",
            "max_length": 512, "seed": 1, "split_dataset_ratio": 0, "dataset_shuffle": "false", "dataset_num_proc": 1,
            "dataloader_num_workers": 0, "use_hf": "true", "lazy_tokenize": "false",
        }  # fmt: skip
        argv = [str(environment_of("swift") / "bin" / "swift"), "sft", *_as_options(options)]
        log, peak = watched(argv, env=process_environment(work), cwd=str(work))
        losses, seconds = _logged(log)
        ids, labels = _printed(log, r"\[INPUT_IDS\]\s*"), _printed(log, r"\[LABELS_IDS\]\s*")
        return PeerRun(losses=losses, seconds=seconds, peak_bytes=peak, ids=ids, labels=labels)


class Trl:
    """trl sft"""

    name = "TRL"

    def train(self, work: Path, model: Path, rows: list[dict[str, Any]], *, batch: int) -> PeerRun:
        data = fresh(work, rows, "rows.jsonl")
        template = work / "chatml.jinja"
        template.write_text(CHATML_WITH_GENERATION)
        options = {
            "model_name_or_path": fp32_copy(model), "dtype": "float32", "dataset_name": data.parent, "use_peft": "true",
            "lora_r": 8, "lora_alpha": 32, "lora_dropout": 0, "lora_target_modules": "all-linear",
            "chat_template_path": template, "assistant_only_loss": "true", "max_length": 512, "packing": "false",
            "bf16": "false", "use_cpu": "true", "gradient_checkpointing": "false", "num_train_epochs": 1,
            "per_device_train_batch_size": batch, "gradient_accumulation_steps": 1, "learning_rate": 1e-4,
            "lr_scheduler_type": "cosine", "warmup_steps": 0.1, "weight_decay": 0, "logging_steps": 1,
            "save_strategy": "no", "report_to": "none", "output_dir": work / "out", "seed": 1, "num_processes": 1,
            "num_cpu_threads_per_process": process_environment(work)["OMP_NUM_THREADS"], "disable_tqdm": "true",
        }  # fmt: skip
        home = environment_of("trl")
        log, peak = watched(
            [str(home / "bin" / "trl"), "sft", *_as_options(options)],
            env=process_environment(work, PATH=f"{home / 'bin'}:/usr/bin:/bin"), cwd=str(work),
        )  # fmt: skip
        losses, seconds = _logged(log)
        ids, labels = self._first_row(home, fp32_copy(model), template, data)
        return PeerRun(losses=losses, seconds=seconds, peak_bytes=peak, ids=ids, labels=labels)

    def _first_row(self, home: Path, model: Path, template: Path, data: Path) -> tuple[list[int], list[int]]:
        """Tokenise the first row as TRL does: by the template's generation markers."""
        code = TOKENISED_BY_TRL.replace("r = json", f"t.chat_template = open({str(template)!r}).read(); r = json", 1)
        argv = [str(home / "bin" / "python"), "-c", code, str(model), str(data)]
        ids, labels = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
        return ids, labels


PEERS: dict[str, type[Peer]] = {"llamafactory": LlamaFactory, "swift": Swift, "trl": Trl}


def llama_factory_run(work: Path, *, model: Path, rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """Write data and configuration for LLaMA-Factory into `work`; return what to start: argv, environment, folder."""
    data = fresh(work, rows, "rows.json")
    tags = {
        "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
        "system_tag": "system",
    }  # fmt: skip
    info = {
        "rows": {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    }
    (data.parent / "dataset_info.json").write_text(json.dumps(info))
    config = {
        "stage": "sft", "do_train": True, "finetuning_type": "lora", "lora_rank": 8, "lora_alpha": 32,
        "lora_dropout": 0.0, "lora_target": "all", "model_name_or_path": str(model), "dataset": "rows",
        "dataset_dir": str(data.parent), "template": "chatml", "cutoff_len": 512, "output_dir": str(work / "out"),
        "logging_steps": 1, "report_to": "none", "save_strategy": "no", "optim": "adamw_torch", "weight_decay": 0.0,
        "lr_scheduler_type": "cosine", "warmup_ratio": 0.1, "bf16": False, "fp16": False, "seed": 1,
        "gradient_accumulation_steps": 1, "disable_gradient_checkpointing": True, "dataloader_num_workers": 0,
        "preprocessing_num_workers": 1, "overwrite_cache": True, **options,
    }  # fmt: skip
    path = work / "train.yaml"  # JSON is YAML, and their reader of .json files fails
    path.write_text(json.dumps(config))
    command = environment_of("llamafactory") / "bin" / "llamafactory-cli"
    environment = process_environment(work, DISABLE_VERSION_CHECK="1")
    return {"argv": [str(command), "train", str(path)], "env": environment, "cwd": str(work)}


def watched(argv: list[str], *, env: dict[str, str], cwd: str) -> tuple[str, int]:
    """Run a command to its end; return what it printed, and the most memory that one process of its tree has held.

    Raises RuntimeError with its last words when it fails.
    """
    log = Path(cwd) / "log.txt"
    peak = 0
    with log.open("w") as stream:
        child = subprocess.Popen(argv, env=env, cwd=cwd, stdout=stream, stderr=subprocess.STDOUT)
        while child.poll() is None:
            peak = max([peak, *(_peak_of(pid) for pid in _tree(child.pid))])
            time.sleep(0.25)
    text = log.read_text(errors="replace")
    if child.returncode:
        raise RuntimeError(f"{argv[0]} failed:\n{text[-4000:]}")
    return text, peak


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(found for child in children for found in _tree(int(child)))]


def _peak_of(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _as_options(options: dict[str, Any]) -> list[str]:
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def _printed(log: str, before: str) -> list[int]:
    found = re.search(before + r"(\[[^\]]*\])", log)
    return [int(number) for number in re.findall(r"-?\d+", found[1])] if found else []


def _logged(log: str) -> tuple[list[float], float]:
    """Return the losses and the seconds that Transformers' trainer has printed."""
    losses = [float(value) for value in re.findall(r"['\"]loss['\"]: ['\"]?([\d.]+)", log)]
    seconds = re.search(r"['\"]train_runtime['\"]: ['\"]?([\d.]+)", log)
    if seconds is None:
        raise RuntimeError(f"The peer does not say how long it has trained:\n{log[-2000:]}")
    return losses, float(seconds[1])
