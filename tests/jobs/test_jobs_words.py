"""What jobs say is said in the reader's language, whole."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from babel.messages import pofile
from django.utils.translation import override
from job_makers import FakeTrainer, end, fresh, make_file, make_job, row, run_of

from common.errors import UserError
from common.wording import in_words
from jobs import services
from jobs.hyperparameters import BY_NAME, read_asked
from jobs.models import FineTuningJob
from jobs.training.work import Training
from trainer.failures import classify
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


@pytest.fixture
def told(alice: Any, monkeypatch: pytest.MonkeyPatch) -> FineTuningJob:
    """A job that was asked for everything, and whose trainer died again and again."""
    rows = [row(number) for number in range(20)]
    rows[4]["messages"][0]["content"] = rows[7]["messages"][1]["content"] = "word " * 300
    file = make_file(alice.team, rows)
    job = make_job(alice.team, by=alice.user, training_file=file.pk, hyperparameters={"max_seq_len": 128})
    services.pause_job(job=job, by=alice.user)
    work = Training()
    work.conclude(end(run_of(job), "stopped"), run_of(job).directory, "stopped")
    services.resume_job(job=job, by=alice.user)
    trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
    work.record(trainer.run, trainer.events)
    services.finish_job_early(job=job, by=alice.user)
    for _ in range(4):
        work.conclude(end(run_of(job), "lost"), run_of(job).directory, "lost")
    return fresh(job)


@pytest.mark.django_db
def test_events_and_the_reason_of_an_end(told: FineTuningJob) -> None:
    events = [event for event in told.events.order_by("number") if event.attempt is None]
    assert len(events) > 8
    for event in events:
        assert_is_chinese(event.message)
    assert told.error_message is not None
    assert_is_chinese(told.error_message)


@pytest.mark.django_db
def test_refused_changes(told: FineTuningJob, alice: Any) -> None:
    for change in (services.cancel_job, services.pause_job, services.finish_job_early, services.resume_job):
        with pytest.raises(UserError) as refused:
            change(job=told, by=alice.user)
        assert_is_chinese(refused.value.message)


@pytest.mark.django_db
def test_reasons_of_values(told: FineTuningJob) -> None:
    assert len(told.reasons) > 20
    for reason in told.reasons.values():
        assert_is_chinese(Message.restored(reason))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        MemoryError(),
        OSError(28, "No space left on device"),
        ImportError("no"),
        ModuleNotFoundError("no", name="peft"),
        OSError("libfoo.so.3: cannot open shared object file: No such file or directory"),
        type("SafetensorError", (Exception,), {})("Error while deserializing header: header too large"),
    ],
)
@pytest.mark.parametrize("kept", [None, 40])
def test_failures_of_the_trainer(error: BaseException, kept: int | None) -> None:
    assert_is_chinese(classify(error, step=41, kept=kept).message)


@pytest.mark.parametrize("module", ["jobs", "trainer", "rundir", "layouts", "jobs.hyperparameters"])
def test_every_sentence_with_whatever_it_names(module: str) -> None:
    catalogue = import_module(f"{module}.messages").CATALOGUE
    for code, wording in catalogue.sentences.items():
        english = wording.chosen(dict.fromkeys(wording.placeholders, 1234))[0]
        if len(re.sub(r"%\(\w+\)[^a-z]*[a-z]|[^a-z ]", "", english)) < 12:
            continue  # names of values, which stay as they are
        assert_is_chinese(Message(code, dict.fromkeys(wording.placeholders, 1234)))
