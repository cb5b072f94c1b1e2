"""What a job may ask for is described as it is read: of many bodies both say the same."""

import json
from typing import Any

import pytest
from job_makers import make_file

from common.errors import UserError
from jobs.hyperparameters import OPENAI, PARAMETERS, Parameter
from jobs.web.requests import NewJob, field_of
from tests.answers import faults_of

GOOD: list[dict[str, Any]] = [
    {}, {"validation_file": None}, {"suffix": None}, {"suffix": ""}, {"suffix": "x" * 64}, {"seed": 0},
    {"seed": "auto"}, {"seed": None}, {"metadata": None}, {"metadata": {}},
    {"metadata": {"k" * 64: "v" * 512}}, {"metadata": {"a": ""}},
    {"metadata": {str(number): "" for number in range(16)}}, {"accelerators": "auto"}, {"accelerators": 1},
    {"accelerators": None}, {"priority": "low"}, {"priority": "urgent"}, {"priority": None}, {"system_prompt": "none"},
    {"integrations": []}, {"integrations": None}, {"hyperparameters": None}, {"hyperparameters": {}}, {"method": None},
    {"hyperparameters": {"n_epochs": 2, "lora_dim": "auto", "use_dora": False, "learning_rate": 1e-3}},
    {"method": {}}, {"method": {"type": "supervised"}}, {"method": {"supervised": None}},
    {"method": {"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 4}}}},
    {"hyperparameters": {"output_dir": "auto", "local_rank": -1}},
]  # fmt: skip
BAD: list[dict[str, Any]] = [
    {"novelty": 1}, {"model": None}, {"model": ""}, {"model": 3}, {"training_file": []}, {"validation_file": 3},
    {"suffix": "x" * 65}, {"suffix": 3}, {"seed": -1}, {"seed": 2**31}, {"seed": 1.5}, {"seed": True},
    {"metadata": []}, {"metadata": {"a": 1}}, {"metadata": {"": "a"}}, {"metadata": {"k" * 65: "a"}},
    {"metadata": {"a": "v" * 513}}, {"metadata": {str(number): "" for number in range(17)}}, {"accelerators": 0},
    {"accelerators": 4097}, {"accelerators": 1.5}, {"accelerators": "many"}, {"priority": "highest"}, {"priority": 1},
    {"accelerators": "2"}, {"seed": "7"}, {"system_prompt": 1}, {"system_prompt": "x" * 32_001},
    {"integrations": [{"type": "wandb"}]},
    {"hyperparameters": []}, {"hyperparameters": {"lora_dim": "8"}}, {"hyperparameters": {"novelty": 1}},
    {"hyperparameters": {"lora_dim": 1025}},
    {"hyperparameters": {"learning_rate": 0}}, {"hyperparameters": {"warmup_ratio": 1}},
    {"hyperparameters": {"lr_scheduler_type": "steep"}}, {"hyperparameters": {"use_dora": 2}},
    {"hyperparameters": {"output_dir": "/x"}}, {"hyperparameters": {"lora_module_name": "x" * 501}},
    {"method": []}, {"method": {"type": "dpo"}}, {"method": {"dpo": {}}}, {"method": {"supervised": []}},
    {"method": {"supervised": {"novelty": 1}}}, {"method": {"supervised": {"hyperparameters": {"n_epochs": 0}}}},
]  # fmt: skip


@pytest.mark.django_db
class TestJob:
    """An estimate reads the same body as a create, and makes nothing."""

    def status(self, member: Any, body: dict[str, Any]) -> int:
        member.user.is_staff = True  # who may ask for every priority
        member.user.save()
        sent = json.dumps(body)
        return int(member.client.post("/api/v1/jobs/estimate", sent, content_type="application/json").status_code)

    def test_what_is_described_is_read(self, alice: Any) -> None:
        body = {"model": "tiny", "training_file": make_file(alice.team).pk}
        for options in GOOD:
            assert list(faults_of({**body, **options}, NewJob())) == [], options
            priority = {"priority": "high"} if options.get("priority") == "urgent" else {}
            assert self.status(alice, {**body, **options, **priority}) == 200, options

    def test_what_is_refused_is_not_described(self, alice: Any) -> None:
        body = {"model": "tiny", "training_file": make_file(alice.team).pk}
        for options in BAD:
            assert list(faults_of({**body, **options}, NewJob())) != [], options
            assert self.status(alice, {**body, **options}) == 400, options


@pytest.mark.parametrize("parameter", [*OPENAI.values(), *PARAMETERS], ids=lambda parameter: parameter.name)
def test_a_range_ends_where_the_readers_does(parameter: Parameter) -> None:
    ends = [end for end in (parameter.least, parameter.most, parameter.above, parameter.below) if end is not None]
    around = [value for end in ends for value in (end - 1, end, end + 1)]
    texts = ["novelty"] if parameter.kind != "text" else []  # which may have a grammar
    for value in [*around, *parameter.choices, *parameter.accepts, "auto", None, *texts, [], {}]:
        is_described = not list(faults_of(value, field_of(parameter)))
        assert is_described == _is_read(parameter, value), value


def _is_read(parameter: Parameter, value: Any) -> bool:
    try:
        parameter.parse(value)
    except UserError:
        return False
    return True
