"""How one conversation of a base model looks: its chat format, loaded once per model and choice of system prompt."""

import functools
from pathlib import Path

from catalogue.messages import message
from catalogue.models import BaseModel
from catalogue.placing import chat_folder
from chat import ChatFormat, SystemChoice
from common.errors import UserError


def chat_format(base: BaseModel, system: SystemChoice) -> ChatFormat:
    """Return the format of `base` with the system prompt's choice baked in; cached by the weights' identity."""
    if not base.is_present:
        raise UserError(message("model_not_present", model=base.id), param="model")
    return _load(base.sha256, str(chat_folder(base)), base.template, system)


@functools.lru_cache(maxsize=16)
def _load(sha256: str, folder: str, template: str, system: SystemChoice) -> ChatFormat:
    return ChatFormat.load(Path(folder), system=system, template=None if template == "own" else template)
