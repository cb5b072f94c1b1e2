"""The command line: a run directory, or every training parameter as an option, as DeepSpeed's own examples have it."""

import argparse
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from rundir import RunDirectory
from trainer.failures import Failure
from trainer.messages import message
from trainer.spec import KEPT, SCHEDULES, Hyperparameters

WAIT_SECONDS = 1800.0
"""How long other ranks wait for the first one to read and tokenise the data."""
POLL_SECONDS = 0.2
READY = "prepared"
"""Written last by the rank that builds the run directory; its content names the launch that it belongs to."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What was asked on the command line: `run_dir`, or all the rest."""

    run_dir: str | None
    data_path: str = ""
    """JSONL or a JSON array of conversations, or plain text: .txt, or JSONL of {"text"}."""
    validation_path: str | None = None
    """Conversations that are only looked at; None: a share of data_path, if any."""
    data_split: str = "1,0,0"
    """Shares for the three phases of the RLHF recipe; the first one trains here, the others are left out."""
    validation_share: float = 0.0
    """Share of the first phase's conversations kept for validation."""
    data_output_path: str | None = None
    """Folder for the token caches; None: inside output_dir."""
    model_name_or_path: str = ""
    output_dir: str = ""
    chat_path: str | None = None
    parent_path: str | None = None
    """Folder with tokenizer and chat template; None: the model's own."""
    dtype: str = "auto"
    threads: int | None = None
    save_steps: int = 0
    save_total_limit: int = KEPT
    eval_steps: int = 0
    world_size: int = 1
    hyperparameters: Hyperparameters | None = None


DEFAULTS: dict[str, object] = {
    "max_seq_len": 512,
    "lora_dim": 8,
    "lora_alpha": 32.0,
    "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "num_train_epochs": 2.0,
    "lr_scheduler_type": "cosine",
}
"""For a small model and a small data set; what the fields of Hyperparameters have no default for."""

HELP = {
    "lora_dim": "LoRA rank; 0 trains every parameter",
    "lora_module_name": '"all-linear", or comma-separated parts of module names or patterns with * and ?',
    "use_rslora": "divide the LoRA scale by the square root of the rank instead of the rank",
    "use_dora": "learn the size of each output's weights beside their direction",
    "early_stopping_patience": "end after so many looks at the validation data without an improvement; 0: never",
    "early_stopping_threshold": "by how much the validation loss must fall to count as an improvement",
    "load_best_model_at_end": "the checkpoint with the lowest validation loss becomes the result",
    "only_optimize_lora": "false trains the base's weights too",
    "per_device_train_batch_size": "conversations per device in one micro-step",
    "gradient_accumulation_steps": "micro-steps per optimizer step",
    "offload": "optimizer state in host memory; needs zero_stage 1 or more",
    "warmup_ratio": "share of all steps in which the learning rate climbs",
}


def parse(argv: list[str], *, world_size: int) -> Arguments:
    """Read the command line of one of `world_size` ranks; end the process with a sentence when it cannot be read."""
    parser = _parser()
    options = vars(parser.parse_args(argv))
    options.pop("local_rank")
    run_dir = options.pop("run_dir")
    if run_dir is not None:
        if options:
            parser.error(f"--{min(options)} cannot be combined with a run directory: its spec.json says everything.")
        return Arguments(run_dir=run_dir)
    missing = [name for name in ("data_path", "model_name_or_path", "output_dir") if name not in options]
    if missing:
        parser.error(f"Give a run directory, or at least --data_path, --model_name_or_path and --output_dir "
                     f"(--{missing[0]} is missing).")  # fmt: skip
    names = {field.name for field in dataclasses.fields(Hyperparameters)}
    chosen = {name: options.pop(name) for name in sorted(names & set(options))}
    options.setdefault("world_size", world_size)
    try:
        hyperparameters = Hyperparameters(**{**DEFAULTS, **chosen})
    except ValueError as error:
        parser.error(str(error))
    return Arguments(run_dir=None, hyperparameters=hyperparameters, **options)


def wait_for_run_directory(arguments: Arguments, launch: str) -> RunDirectory:
    """Return the run directory that rank 0 of the same launch builds; raise Failure when it never comes."""
    directory = RunDirectory(Path(arguments.output_dir).resolve())
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if _read(directory.root / READY) == launch:
            return directory
        time.sleep(POLL_SECONDS)
    raise Failure("rank_lost", message("rank_not_prepared", folder=str(directory.root), seconds=round(WAIT_SECONDS)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Fine-tune a language model on conversations, from a run directory or from these options.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("run_dir", nargs="?", default=None, help="folder with spec.json")
    parser.add_argument("--local_rank", type=int, default=None, help="set by the deepspeed launcher")
    parser.add_argument(
        "--data_path",
        help='conversations: JSONL, or one JSON array; or text to read on from: .txt, or JSONL of {"text"}',
    )
    parser.add_argument("--validation_path", help="what is for validation, in the same form")
    parser.add_argument("--data_split", help='shares of three phases, such as "2,4,4": only the first trains here')
    parser.add_argument("--validation_share", type=float, help="share of the conversations kept for validation")
    parser.add_argument("--data_output_path", help="folder for the token caches")
    parser.add_argument("--model_name_or_path", help="folder with config.json, *.safetensors and the tokenizer")
    parser.add_argument("--output_dir", help="becomes the run directory")
    parser.add_argument("--parent_path", help="folder of an adapter of this model that is trained further")
    parser.add_argument("--chat_path", help="folder with tokenizer and chat template, if not the model's own")
    parser.add_argument("--dtype", choices=["auto", "float32", "bfloat16", "float16"])
    parser.add_argument("--threads", type=int, help="processor threads of one rank")
    parser.add_argument("--save_steps", type=int, help="a checkpoint every so many optimizer steps")
    parser.add_argument("--save_total_limit", type=int, help="newest checkpoints that are kept, beside the best")
    parser.add_argument("--eval_steps", type=int, help="validation every so many optimizer steps")
    parser.add_argument("--world_size", type=int, help="ranks to start when no launcher has started them")
    for field in dataclasses.fields(Hyperparameters):
        _add_option(parser, field)
    return parser


def _add_option(parser: argparse.ArgumentParser, field: "dataclasses.Field[object]") -> None:
    default = DEFAULTS.get(field.name, field.default)
    text = f"{HELP.get(field.name, field.name.replace('_', ' '))} (default {default})".replace("%", "%%")
    if field.type is bool:
        # A bare --offload means true, as in DeepSpeed's examples.
        parser.add_argument(f"--{field.name}", nargs="?", const=True, type=_truth, help=text)
    elif field.name == "lr_scheduler_type":
        parser.add_argument(f"--{field.name}", choices=SCHEDULES, help=text)
    else:
        assert isinstance(field.type, type)
        parser.add_argument(f"--{field.name}", type=field.type, help=text)


def _truth(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
