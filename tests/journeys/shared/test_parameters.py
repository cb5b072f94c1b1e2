"""Every parameter of the seed's table at two values changes what it should, or is refused with its reason."""

import csv
import io
from typing import Any

import openai
import pytest

from tests.journeys.conftest import FULL
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform
from tests.journeys.tiny_job import attempts_of, end_of

pytestmark = [pytest.mark.system]

ROWS = 40
CUT = 112 if FULL else 176
"""A max_seq_len that cuts the rows: the tiny model's tokens are bytes, the real one's are parts of words."""
SAME = 0.02 if FULL else 1e-4
"""The real model may train in bf16, where another order of the same sums differs in the third digit."""
COMMON = {
    "num_train_epochs": 1,
    "per_device_train_batch_size": 8,
    "lora_dim": 4,
    "validation_split": 0,
    "learning_rate": 1e-3,
}


@pytest.fixture(scope="module")
def client(shared_platform: RunningPlatform) -> openai.OpenAI:
    return shared_platform.client(shared_platform.api_key())


@pytest.fixture(scope="module")
def file_id(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS, words=20)), purpose="fine-tune").id


SEEDS = [{"seed": 1}, {"seed": 2}] if FULL else [{"seed": 1}]
VARIATIONS: list[dict[str, Any]] = [
    {},
    {"lora_dim": 8},
    {"lora_dim": 0},
    {"lora_module_name": "q_proj,v_proj"},
    {"only_optimize_lora": False},
    {"data_split": "5,3,2"},
    {"max_seq_len": CUT},
    {"validation_split": 0.3},
    {"per_device_train_batch_size": 4},
    {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2},
    {"validation_split": 0.3, "per_device_eval_batch_size": 1},
    {"validation_split": 0.3, "per_device_eval_batch_size": 8},
    {"num_train_epochs": 2},
    {"learning_rate": 1e-4},
    {"lora_dim": 0, "weight_decay": 0.9},
    {"lr_scheduler_type": "linear", "warmup_ratio": 0},
    {"lr_scheduler_type": "constant", "warmup_ratio": 0},
    {"gradient_checkpointing": True},
    *SEEDS,
    {"zero_stage": 1},
    {"zero_stage": 2},
    {"zero_stage": 3},
]


TOGETHER: list[dict[str, Any]] = [
    {"lora_dim": 8, "learning_rate": 1e-4},
    {"lora_module_name": "q_proj,v_proj", "num_train_epochs": 2},
    {"only_optimize_lora": False, "per_device_train_batch_size": 4},
    {"data_split": "5,3,2", "lr_scheduler_type": "constant", "warmup_ratio": 0},
    {"max_seq_len": CUT, "lr_scheduler_type": "linear", "warmup_ratio": 0},
    {"validation_split": 0.3, "per_device_eval_batch_size": 8},
]
"""Variations that leave alone what the others change: one job shows all of a line, outside of the full suite."""


def trained_as(changes: dict[str, Any]) -> dict[str, Any]:
    """Return what the job that shows `changes` is trained with."""
    if FULL or not changes:
        return changes
    return next((wider for wider in TOGETHER if changes.items() <= wider.items()), changes)


class Walk:
    """Trains with COMMON and each of VARIATIONS, as many at once as there are cores."""

    def __init__(self, client: openai.OpenAI, file_id: str) -> None:
        self.client = client
        self.file_id = file_id
        wanted = {self._name(changes): changes for changes in map(trained_as, VARIATIONS)}
        self.jobs = {name: self.create(**changes) for name, changes in wanted.items()}
        self.seen: dict[str, tuple[Any, dict[str, Any], list[dict[str, str]]]] = {}

    @staticmethod
    def _name(changes: dict[str, Any]) -> str:
        return repr(sorted(changes.items()))

    def create(self, **changes: Any) -> Any:
        body = {"hyperparameters": {**COMMON, **changes}, "accelerators": 1}
        return self.client.fine_tuning.jobs.create(model="tiny", training_file=self.file_id, extra_body=body)

    def train(self, **changes: Any) -> tuple[Any, dict[str, Any], list[dict[str, str]]]:
        """Return the job, its attempt's first event and the rows of metrics.csv; `changes` is one of VARIATIONS."""
        name = self._name(trained_as(changes))
        if name not in self.seen:
            job = end_of(self.client, self.jobs[name].id, seconds=3600)
            assert job.status == "succeeded", (changes, job.error)
            [started] = attempts_of(self.client, job.id)
            self.seen[name] = (job, started, self._metrics(job))
        return self.seen[name]

    def _metrics(self, job: Any) -> list[dict[str, str]]:
        for file_id in job.result_files:
            if self.client.files.retrieve(file_id).filename == "metrics.csv":
                return list(csv.DictReader(io.StringIO(self.client.files.content(file_id).text)))
        raise AssertionError("no metrics.csv")


@pytest.fixture(scope="module")
def walk(client: openai.OpenAI, file_id: str) -> Walk:
    return Walk(client, file_id)


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows]


class TestModelParameters:
    def test_lora_dim(self, walk: Walk) -> None:
        _, four, _ = walk.train()
        _, eight, _ = walk.train(lora_dim=8)
        assert eight["trainable_parameters"] == 2 * four["trainable_parameters"]

    def test_lora_dim_zero_trains_everything(self, walk: Walk, client: openai.OpenAI) -> None:
        job, started, _ = walk.train(lora_dim=0)
        assert started["trainable_parameters"] == started["total_parameters"]
        assert "model.zip" in {client.files.retrieve(i).filename for i in job.result_files}

    def test_lora_module_name(self, walk: Walk) -> None:
        _, everything, _ = walk.train()
        _, some, _ = walk.train(lora_module_name="q_proj,v_proj")
        assert {name.rpartition(".")[2] for name in some["target_modules"]} == {"q_proj", "v_proj"}
        assert some["trainable_parameters"] < everything["trainable_parameters"]

    def test_only_optimize_lora(self, walk: Walk) -> None:
        _, lora, _ = walk.train()
        _, both, _ = walk.train(only_optimize_lora=False)
        assert both["trainable_parameters"] > lora["total_parameters"] / 2 > lora["trainable_parameters"]


class TestDataParameters:
    def test_data_split_gives_this_phase_its_share(self, walk: Walk) -> None:
        _, _, whole = walk.train()
        _, _, half = walk.train(data_split="5,3,2")
        assert sum(column(half, "tokens")) < 0.8 * sum(column(whole, "tokens"))

    def test_max_seq_len_cuts(self, walk: Walk) -> None:
        _, _, whole = walk.train()
        _, _, cut = walk.train(max_seq_len=CUT)
        assert sum(column(cut, "tokens")) < sum(column(whole, "tokens"))

    def test_validation_split(self, walk: Walk, client: openai.OpenAI) -> None:
        _, _, whole = walk.train()
        _, _, less = walk.train(validation_split=0.3)
        assert sum(column(less, "tokens")) < sum(column(whole, "tokens"))


class TestTrainingParameters:
    def test_batch_size_and_accumulation_make_the_steps(self, walk: Walk) -> None:
        assert len(walk.train()[2]) == ROWS // 8
        assert len(walk.train(per_device_train_batch_size=4)[2]) == ROWS // 4
        assert len(walk.train(per_device_train_batch_size=4, gradient_accumulation_steps=2)[2]) == ROWS // 8

    def test_the_split_into_micro_steps_changes_no_loss(self, walk: Walk) -> None:
        one = column(walk.train()[2], "train_loss")
        two = column(walk.train(per_device_train_batch_size=4, gradient_accumulation_steps=2)[2], "train_loss")
        assert two == pytest.approx(one, rel=SAME)

    def test_per_device_eval_batch_size(self, walk: Walk) -> None:
        for size in (1, 8):
            job, _, _ = walk.train(validation_split=0.3, per_device_eval_batch_size=size)
            assert job.hyperparameters.model_extra["per_device_eval_batch_size"] == size

    def test_num_train_epochs(self, walk: Walk) -> None:
        assert len(walk.train(num_train_epochs=2)[2]) == 2 * ROWS // 8

    def test_learning_rate(self, walk: Walk) -> None:
        low, high = (max(column(walk.train(**c)[2], "learning_rate")) for c in ({"learning_rate": 1e-4}, {}))
        assert high == pytest.approx(10 * low)

    def test_weight_decay(self, walk: Walk) -> None:
        plain = column(walk.train(lora_dim=0)[2], "train_loss")
        decayed = column(walk.train(lora_dim=0, weight_decay=0.9)[2], "train_loss")
        assert plain[0] == decayed[0]
        assert plain[-1] != decayed[-1]

    def test_lr_scheduler_type(self, walk: Walk) -> None:
        linear = column(walk.train(lr_scheduler_type="linear", warmup_ratio=0)[2], "learning_rate")
        constant = column(walk.train(lr_scheduler_type="constant", warmup_ratio=0)[2], "learning_rate")
        assert linear[-1] < linear[0]
        assert len(set(constant)) == 1

    def test_gradient_checkpointing_changes_no_loss(self, walk: Walk) -> None:
        plain, checked = (column(walk.train(**c)[2], "train_loss") for c in ({}, {"gradient_checkpointing": True}))
        assert checked == pytest.approx(plain, rel=SAME)

    def test_seed(self, walk: Walk) -> None:
        traces = {tuple(column(walk.train(**changes)[2], "train_loss")) for changes in ({}, *SEEDS)}
        assert len(traces) == 1 + len(SEEDS)

    @pytest.mark.parametrize("stage", [1, 2, 3])
    def test_zero_stage(self, walk: Walk, stage: int) -> None:
        _, started, rows = walk.train(zero_stage=stage)
        assert started["zero_stage"] == stage
        assert column(rows, "train_loss") == pytest.approx(column(walk.train()[2], "train_loss"), rel=10 * SAME)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"offload": True}, "offload"),
            ({"output_dir": "/tmp/mine"}, "output_dir"),
            ({"data_output_path": "/tmp/mine"}, "data_output_path"),
            ({"local_rank": 3}, "local_rank"),
            ({"data_path": "file-other"}, "data_path"),
            ({"model_name_or_path": "other"}, "model_name_or_path"),
            ({"lora_dim": -1}, "lora_dim"),
            ({"learning_rate": 0}, "learning_rate"),
            ({"zero_stage": 4}, "zero_stage"),
            ({"lr_scheduler_type": "zigzag"}, "lr_scheduler_type"),
            ({"lora_dimm": 8}, "lora_dim"),
        ],
    )
    def test_says_which_and_why(self, walk: Walk, changes: dict[str, Any], reason: str) -> None:
        with pytest.raises(openai.BadRequestError, match=reason):
            walk.create(**changes)

    def test_no_such_module_fails_with_examples(self, walk: Walk, client: openai.OpenAI) -> None:
        job = end_of(client, walk.create(lora_module_name="decoder.nothing").id)
        assert job.status == "failed"
        assert job.error.code == "no_such_module"
        assert "q_proj" in job.error.message
