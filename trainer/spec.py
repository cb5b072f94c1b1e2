"""What a training run is to do. Standard library only: Django builds it, the trainer reads it."""

import dataclasses
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from rundir.messages import message as refused
from rundir.paths import SpecError
from rundir.spec import from_json
from trainer.messages import message
from wording import Message

if TYPE_CHECKING:  # at run time this stands on the standard library alone
    from chat import StoredTest, WrittenMessage

SPEC_VERSION = 1

KEPT = 3
"""Checkpoints."""

SCHEDULES = (
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
    "warmup_stable_decay",
    "reduce_lr_on_plateau",
    "greedy",
)
FOLLOWING = ("reduce_lr_on_plateau", "greedy")
"""Schedules that follow the validation loss."""


def steps_of(rows: int, *, batch_size: int, epochs: float) -> int:
    """Return the optimizer steps of `epochs` over `rows`, at least one: an epoch's last batch may be smaller.

    The epochs count as they are written: 0.07 of 100 steps are 7, where binary fractions make a little more, and so 8.
    """
    return max(1, math.ceil(-(-rows // batch_size) * Decimal(str(epochs))))


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """Resolved values: nothing here is "auto"."""

    max_seq_len: int
    """Tokens; a longer conversation was cut when the token cache was made."""
    lora_dim: int
    """LoRA rank; 0 trains every parameter."""
    lora_alpha: float
    """LoRA scale; the update is multiplied by lora_alpha / lora_dim, with use_rslora by lora_alpha / sqrt(lora_dim)."""
    use_rslora: bool = False
    """Rank-stabilised LoRA (Kalajdzievski 2023): a large rank learns as strongly as a small one."""
    use_dora: bool = False
    """Weight-decomposed LoRA (Liu et al. 2024): the size of each output's weights is learned beside their direction."""
    lora_dropout: float = 0.0
    lora_module_name: str = "all-linear"
    """"all-linear", or comma-separated parts of module names, or patterns with * and ?, such as model.layers.1?.*_proj;
    only modules whose full name contains a part or matches a pattern get LoRA."""
    only_optimize_lora: bool = True
    """False with lora_dim > 0 trains the base's weights too; the result is then a whole model."""
    per_device_train_batch_size: int
    """Conversations per device in one micro-step."""
    per_device_eval_batch_size: int
    gradient_accumulation_steps: int
    """Micro-steps per optimizer step."""
    learning_rate: float
    weight_decay: float
    num_train_epochs: float
    lr_scheduler_type: str
    warmup_ratio: float = 0.1
    """Share of all steps in which the learning rate climbs."""
    max_grad_norm: float = 1.0
    zero_stage: int = 0
    offload: bool = False
    """ZeRO-Offload: optimizer state (and at stage 3 parameters) in host memory."""
    gradient_checkpointing: bool = False
    early_stopping_patience: int = 0
    """End after that many validations in a row without an improvement; 0: never."""
    early_stopping_threshold: float = 0.0
    """By how much the validation loss must fall to count as one."""
    load_best_model_at_end: bool = False
    """Make the checkpoint with the lowest validation loss the result, not the last step."""
    seed: int = 0

    @property
    def keeps_best(self) -> bool:
        """Whether the lowest validation loss decides which weights become the result."""
        return self.load_best_model_at_end or self.early_stopping_patience > 0

    @property
    def needs_validation(self) -> bool:
        return self.keeps_best or self.lr_scheduler_type in FOLLOWING

    def __post_init__(self) -> None:
        self._at_least(8, "max_seq_len")
        self._at_least(1, "per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps")
        self._at_least(0, "lora_dim", "weight_decay", "max_grad_norm", "seed", "lora_dropout", "warmup_ratio")
        self._at_least(0, "early_stopping_patience", "early_stopping_threshold")
        for name in ("learning_rate", "num_train_epochs"):
            _require(getattr(self, name) > 0, name, getattr(self, name), message("accepted_above", bound=0))
        for name in ("warmup_ratio", "lora_dropout"):
            _require(getattr(self, name) < 1, name, getattr(self, name), message("accepted_below", bound=1))
        chosen = self.lr_scheduler_type
        _require(chosen in SCHEDULES, "lr_scheduler_type", chosen, message("accepted_one_of", choices=SCHEDULES))
        _require(self.zero_stage in (0, 1, 2, 3), "zero_stage", self.zero_stage, message("accepted_stages"))
        _require(self.lora_dim > 0 or not self.use_dora, "use_dora", self.use_dora, message("accepted_no_dora"))
        _require(self.zero_stage > 0 or not self.offload, "offload", self.offload, message("accepted_no_offload"))

    def _at_least(self, least: int, *names: str) -> None:
        for name in names:
            _require(getattr(self, name) >= least, name, getattr(self, name), message("accepted_at_least", bound=least))

    def count_steps(self, num_conversations: int, *, world_size: int = 1) -> int:
        """Return the optimizer steps of a whole training: each epoch's last batch is as large as is left."""
        batch_size = self.per_device_train_batch_size * self.gradient_accumulation_steps * world_size
        return steps_of(num_conversations, batch_size=batch_size, epochs=self.num_train_epochs)


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """spec.json of a training run."""

    version: int = SPEC_VERSION
    kind: Literal["training"] = "training"
    run_id: str = "by-hand"
    model_path: str
    """Folder with config.json, *.safetensors and the tokenizer."""
    model_sha256: str = ""
    """Identity of the base's weights; written into the adapter. Empty: computed by the trainer."""
    model_name: str = ""
    """The base's public name, for messages and the adapter's card."""
    parent_path: str | None = None
    """Folder of the adapter that this training goes on from, relative to the run directory or absolute. A whole model
    that is trained further is `model_path` itself."""
    parent_name: str = ""
    """The public name of the model that is trained further, for the result's card."""
    chat_path: str = "chat"
    """Tokenizer and chat template, relative to the run directory or absolute."""
    train_data: str = "data/train"
    """Token cache, relative to the run directory or absolute."""
    validation_data: str | None = None
    hyperparameters: Hyperparameters
    world_size: int = 1
    """Number of ranks; on CPU one rank uses all threads."""
    threads: int | None = None
    """CPU threads of one rank; None: the cores this process may run on."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """"auto" asks the device: bf16 where it has the units and is faster, else fp32 (fp16 on GPUs without bf16)."""
    save_steps: int = 0
    """Optimizer steps between checkpoints; 0: only when asked to stop, and where the validation loss decides."""
    eval_steps: int = 0
    """Optimizer steps between validations; 0: at the end only."""
    keep_checkpoints: int = KEPT
    """How many of the newest checkpoints stay in the run directory; that of the lowest validation loss stays too."""
    rehearse: bool = False
    """Go through the heaviest batch, a checkpoint and an answer before the first step: see trainer.rehearsal."""
    probes: list[list["WrittenMessage"]] = field(default_factory=list)
    """Prompts (message lists) whose answers and logits are stored with the result for the same-answer check."""
    acceptance: list["StoredTest"] = field(default_factory=list)
    """What the tuned model is asked at its end, as chat.AcceptanceTest writes it: {"messages", "must_say",
    "must_not_say", "topic"}. The verdict is reported, and never ends a run."""
    acceptance_needed: dict[str, float] = field(default_factory=dict)
    """The share of right answers that each topic needs; 1 where nothing is said."""
    lease_checkpoint_seconds: float | None = None
    lease_timeout_seconds: float | None = None
    """None: no lease is watched (a run by hand)."""

    def __post_init__(self) -> None:
        if isinstance(self.hyperparameters, dict):
            object.__setattr__(
                self, "hyperparameters", from_json(Hyperparameters, self.hyperparameters, where="hyperparameters")
            )
        _require(self.version == SPEC_VERSION, "version", self.version, str(SPEC_VERSION))
        _require(self.kind == "training", "kind", self.kind, '"training"')
        _require(self.world_size >= 1, "world_size", self.world_size, message("accepted_at_least", bound=1))
        _require(
            self.keep_checkpoints >= 1, "keep_checkpoints", self.keep_checkpoints, message("accepted_at_least", bound=1)
        )
        chosen = self.hyperparameters
        what = message("accepted_validation_data")
        _require(self.parent_path is None or chosen.lora_dim > 0, "parent_path", self.parent_path, "no whole model")
        _require(self.validation_data is not None or not chosen.needs_validation, "validation_data", None, what)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TrainingSpec":
        return from_json(cls, value)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` reads back; absent lease times are left out."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}


def _require(holds: bool, name: str, value: object, accepted: Message | str) -> None:
    if not holds:
        raise SpecError(refused("spec_value_refused", name=name, value=value, accepted=accepted))


def command_line(
    hyperparameters: Hyperparameters,
    *,
    data_path: str,
    model_name_or_path: str,
    output_dir: str,
    world_size: int = 1,
    **options: str | int | float,
) -> list[str]:
    """Return the DeepSpeed command that does the same training by hand, as a list of arguments.

    `options` are further options of `python -m trainer`, such as chat_path, data_split or save_steps.
    """
    values: dict[str, object] = {
        "data_path": data_path,
        "model_name_or_path": model_name_or_path,
        "output_dir": output_dir,
        **options,
        **dataclasses.asdict(hyperparameters),
    }
    command = ["deepspeed", "--num_gpus", str(world_size), "--module", "trainer"]
    for name, value in values.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        command += [f"--{name}", text]
    return command
