"""What a serving replica is to do. Standard library only: Django builds it, the engine reads it."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from rundir.messages import message
from rundir.paths import SpecError
from rundir.spec import from_json

SPEC_VERSION = 1
NAME_HEADER = "x-served-name"
"""What the gateway's requests carry: the name, percent-encoded, that the answer calls its model by."""

BACKGROUND_HEADER = "x-background"
"""What a request carries for which nobody waits: it begins after all others, and leaves them half of the slots."""


@dataclass(frozen=True, kw_only=True)
class ServedAdapter:
    """One tuned model that the replica answers for, beside its base."""

    name: str
    """The model name in requests to the replica."""
    path: str
    """Folder of a PEFT adapter with its chat files."""
    has_probes: bool = True
    """It must prove itself by its probe/. False: a checkpoint, of which no training has stored any."""


@dataclass(frozen=True, kw_only=True)
class ServingSpec:
    """spec.json of a serving run."""

    version: int = SPEC_VERSION
    kind: Literal["serving"] = "serving"
    run_id: str = "by-hand"
    model_path: str
    """Folder of the base (or of a fully trained model)."""
    model_name: str
    """The name under which the model at model_path itself answers."""
    chat_path: str
    """Tokenizer and chat template for the model at model_path."""
    probe_path: str | None = None
    """probe/ of a fully trained model: it must prove itself before `ready`. A base has none."""
    adapters: list[ServedAdapter] = field(default_factory=list)
    """Loaded and proven before `ready`; more can be added by POST /adapters."""
    host: str = "127.0.0.1"
    port: int = 0
    """0: any free port, reported in the `ready` event."""
    token: str = ""
    """Requests must carry it as `Authorization: Bearer`; empty: no check (a run by hand)."""
    threads: int | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: int = 2048
    """Tokens of prompt and answer together."""
    max_concurrent: int = 16
    """Sequences decoded at once; more wait in line."""
    lease_checkpoint_seconds: float | None = None
    lease_timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        adapters = [from_json(ServedAdapter, a, where="adapters") if isinstance(a, dict) else a for a in self.adapters]
        object.__setattr__(self, "adapters", adapters)
        if self.version != SPEC_VERSION:
            raise SpecError(message("spec_value_refused", name="version", value=self.version, accepted=SPEC_VERSION))
        if self.kind != "serving":
            raise SpecError(message("spec_value_refused", name="kind", value=self.kind, accepted='"serving"'))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ServingSpec":
        return from_json(cls, value)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` reads back."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
