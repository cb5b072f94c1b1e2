"""What jobs say is said in the reader's language, whole."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages import pofile
from django.utils.translation import override

from common.errors import UserError
from common.wording import in_words
from jobs.hyperparameters import BY_NAME, read_asked
from wording import Message

CATALOGUE = Path(__file__).parents[2] / "locale/zh_Hans/LC_MESSAGES/django.po"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LEFT_IN_ENGLISH = re.compile(r"\b(?:the|is|has|have|not|was|were|must|cannot|which|and|of)\b", re.IGNORECASE)
"""Words that only a sentence left in English holds: what a message names may be English."""
REFUSED = (
    {"learning_rate": 2},
    {"learning_rate": "fast"},
    {"num_train_epochs": 0},
    {"lora_dim": -1},
    {"lora_dim": 1.5},
    {"warmup_ratio": 1},
    {"lr_scheduler_type": "wild"},
    {"gradient_checkpointing": "perhaps"},
    {"system_prompt": 3},
    {"lora_module_name": " "},
    {"output_dir": "/tmp"},
    {"learning_rat": 1},
    {"qqqq": 1},
    {"seed": 1, "method": 1},
)


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Speak Chinese, from the catalogue's source: the compiled file may be older."""
    with CATALOGUE.open("rb") as stream:
        messages = pofile.read_po(stream, locale="zh_Hans")
    said = {message.id: str(message.string) for message in messages if isinstance(message.id, str)}
    monkeypatch.setattr("common.wording.gettext", said.__getitem__)
    with override("zh-hans"):
        yield


def assert_is_chinese(message: Message) -> None:
    said = in_words(message)
    assert CHINESE.search(said), message
    assert not LEFT_IN_ENGLISH.search(said), f"{message} → {said}"


@pytest.mark.parametrize("asked", REFUSED, ids=lambda asked: next(iter(asked)))
def test_refused_hyperparameters(asked: dict[str, Any]) -> None:
    with pytest.raises(UserError) as refused:
        read_asked(hyperparameters=asked)
    assert_is_chinese(refused.value.message)


@pytest.mark.parametrize("method", [{"type": "dpo"}, {"type": "x"}, {"a": 1}, {"supervised": {"a": 1}}, {"type": 1}, 3])
def test_refused_methods(method: Any) -> None:
    with pytest.raises(UserError) as refused:
        read_asked(method=method)
    assert_is_chinese(refused.value.message)


@pytest.mark.parametrize("parameter", BY_NAME.values(), ids=lambda parameter: parameter.name)
def test_what_is_accepted(parameter: Any) -> None:
    assert_is_chinese(parameter.accepted)
