"""What automatic values depend on: the model, the data and the devices."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Facts, as far as they are known."""

    parameters: int
    """Weights of the base model; 0 when unknown."""
    hidden_size: int
    context_length: int
    """In tokens."""
    rows: int
    """Conversations in the training file, before any split."""
    longest_tokens: int | None = None
    """An upper bound of the longest conversation, in tokens; None when unknown."""
    goal: str = ""
    """What the data is for: "identity" by its recipe, "text" to read on from plain text, "" for conversations."""
    is_one_text: bool = False
    """The rows are lines of one text, which are read on from one to the next."""
    has_validation_file: bool = False
    has_system_messages: bool = False
    """True when some conversation begins with a system message of its own."""
    own_system_prompt: str | None = None
    """What the model's template slips in before conversations without a system message."""
    own_prompt_is_removable: bool = True
    device_kind: str = "cpu"
    """cpu or cuda."""
    accelerators: int = 1
    """Devices that a training will have at most; on CPU all cores are one rank."""

    @property
    def world_size(self) -> int:
        return self.accelerators if self.device_kind == "cuda" else 1
