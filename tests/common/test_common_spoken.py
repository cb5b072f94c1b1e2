"""Stored English sentences appear in Chinese on Chinese pages."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages import pofile
from django.utils.translation import override

from chat import ChatError
from common import storage_errors
from common.errors import UserError
from common.sentences import SENTENCES
from common.spoken import spoken
from compute.launcher import Death

CATALOGUE = Path(__file__).parents[2] / "locale/zh_Hans/LC_MESSAGES/django.po"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACEHOLDER = re.compile(r"\{\d\}")
# Words that only a sentence left in English holds: what a message names may be English.
LEFT_IN_ENGLISH = re.compile(r"\b(?:the|is|has|have|not|was|were|must|cannot|which)\b", re.IGNORECASE)

EVENTS = (
    "The job was created. Its data is being read.",
    "The data is ready: 1,024 conversations to learn from. The job is queued.",
    "Training begins.",
    "Training goes on after step 12.",
    "Training 4,884,480 of 139,400,000 parameters in 60 steps on 2 x NVIDIA H100 80GB HBM3, in bfloat16.",
    "Step 3 of 60: loss 2.1875.",
    "Validation loss 1.9e-05 after step 10.",
    "Checkpoint after step 10.",
    "Training finished after 60 steps.",
    "The tuned model ft:smollm2-135m-instruct:acme:invoice-v3:a1b2c3 is ready.",
    "The trainer was gone without a word. The job is queued again and goes on from its newest checkpoint.",
    "The trainer was gone without a word. The job is queued again and begins anew, since it has no checkpoint yet.",
    "The job begins anew. It is queued.",
    "The node node-2.example.org has not been heard from any more. The job is queued again from its checkpoint.",
    f"{storage_errors.CREDENTIALS} What the training makes is stored once that is done.",
    f"{storage_errors.BUCKET} The result was not stored: an administrator finds it on its node.",
    str(storage_errors.FILES),
    "Object storage has not answered for some time. What the training makes is stored once it answers.",
    "This job has already been cancelled, so there is nothing to pause.",
    "No deployment has the id dep_123.",
    "`invoice-v3` is not ready yet. `invoice-v3` waits for an accelerator.",
    "The deployment `invoice-v3` failed: Its replica failed. An administrator finds more in its log.",
    "This model's maximum context length is 2048 tokens. However, you requested 4000 tokens (3000 in the prompt, 1000 "
    "in the completion). Please reduce one of them.",
)


def catalogue() -> Iterator[tuple[str, str]]:
    """Yield each declared sentence and its translation, from the source of the compiled messages."""
    with CATALOGUE.open("rb") as stream:
        messages = pofile.read_po(stream, locale="zh_Hans")
    for text in SENTENCES:
        message = messages.get(text)
        yield text, str(message.string) if message is not None else ""


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Speak Chinese, from the catalogue's source: the compiled file may be older."""
    monkeypatch.setattr("common.spoken.gettext", dict(catalogue()).__getitem__)
    with override("zh-hans"):
        yield


def assert_is_chinese(message: object) -> None:
    said = spoken(message)
    assert CHINESE.search(said), message
    assert not LEFT_IN_ENGLISH.search(said), f"{message} → {said}"


def refusal(act: Callable[[], object]) -> str:
    """Return the message with which `act` is refused."""
    with pytest.raises((ChatError, UserError)) as caught:
        act()
    return str(caught.value.message)


def test_each_sentence_has_its_translation_with_the_same_parts() -> None:
    for text, translation in catalogue():
        assert CHINESE.search(translation), text
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(translation)), text


def test_each_sentence_is_found_by_its_own_template() -> None:
    for text, translation in catalogue():
        filled = PLACEHOLDER.sub(lambda found: f"x{found[0][1]}y", text)
        assert spoken(filled) == PLACEHOLDER.sub(lambda found: f"x{found[0][1]}y", translation), text


def test_parts_are_kept_as_they_are() -> None:
    assert spoken("Step 1,234 of 2,000: loss 1.5e-05.") == "第 1,234/2,000 步：损失 1.5e-05。"


def test_english_pages_show_the_message_itself() -> None:
    with override("en"):
        assert spoken("Training begins.") == "Training begins."


def test_unknown_sentences_stay_and_known_ones_beside_them_do_not() -> None:
    assert spoken("Quite new. Training begins. And newer.") == "Quite new. 训练开始。And newer."


def test_a_long_message_is_not_searched() -> None:
    assert spoken("Training begins. " * 1000).startswith("Training begins.")


@pytest.mark.parametrize("death", [Death(), Death(exit_code=-9), Death(exit_code=3), Death(out_of_memory=True)])
def test_ends_of_processes(death: Death) -> None:
    assert_is_chinese(death.message)


@pytest.mark.parametrize("message", EVENTS)
def test_events_and_refusals(message: str) -> None:
    assert_is_chinese(message)
