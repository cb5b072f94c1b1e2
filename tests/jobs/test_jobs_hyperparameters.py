"""Every parameter takes what it should and refuses the rest; automatic values follow model, data and device."""

from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest

from common.errors import UserError
from jobs.hyperparameters import (
    BY_NAME,
    OPENAI,
    PARAMETERS,
    STANDS_FOR,
    Asked,
    Parameter,
    Situation,
    Values,
    check_names,
    check_together,
    lay_out,
    openai_values,
    read_asked,
    resolve,
    round_up,
)
from jobs.hyperparameters.resolving import NOT_RESOLVED
from trainer.spec import Hyperparameters, steps_of

SEEDS_TABLE = [
    "data_path",
    "data_split",
    "max_seq_len",
    "data_output_path",
    "model_name_or_path",
    "lora_dim",
    "lora_module_name",
    "only_optimize_lora",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "learning_rate",
    "weight_decay",
    "num_train_epochs",
    "gradient_accumulation_steps",
    "lr_scheduler_type",
    "zero_stage",
    "offload",
    "local_rank",
    "gradient_checkpointing",
    "seed",
    "output_dir",
]
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "effort": (["fast", "balanced", "best"], ["quick", "", 2, True]),
    "data_path": (["file-1"], [3, True]),
    "data_split": (["2,4,4", "1,0,0"], ["2,4", "0,1,1", "a,b,c", "", "-1,2,3", "nan,1,1", 5]),
    "max_seq_len": ([8, 2048], [7, 0, -1, 1.5, True, "many", 2_000_000, float("nan")]),
    "data_output_path": (["auto"], ["/tmp/x", 1]),
    "model_name_or_path": (["tiny"], [1]),
    "lora_dim": ([0, 8, 64.0], [-1, 1025, 1.5, "16", "eight", None.__class__]),
    "lora_module_name": (["all-linear", "q_proj,v_proj"], ["", ",", "a,,b", 3, "x" * 501]),
    "only_optimize_lora": ([True, False], ["true", 1, "yes please", 2, []]),
    "per_device_train_batch_size": ([1, 64], [0, -4, 1025, 2.5]),
    "per_device_eval_batch_size": ([1, 64], [0, 1025]),
    "learning_rate": ([1e-5, 1], [0, -1, 1.1, "3e-4", "fast", float("inf"), 10**400]),
    "weight_decay": ([0, 0.1], [-0.1, 2]),
    "num_train_epochs": ([0.5, 3], [0, -1, 1001]),
    "gradient_accumulation_steps": ([1, 8], [0, 5000, "two"]),
    "lr_scheduler_type": (["cosine", "linear", "constant"], ["zigzag", 3]),
    "zero_stage": ([0, 1, 2, 3], [4, -1, "1.5"]),
    "offload": ([True, False], ["perhaps"]),
    "local_rank": (["auto", -1], [0, 3]),
    "gradient_checkpointing": ([True, False], [7]),
    "seed": ([0, 2**31 - 1], [-1, 2**31, 0.5]),
    "output_dir": (["auto"], ["/tmp/mine"]),
    "lora_alpha": ([1, 32.5], [0, -1]),
    "lora_dropout": ([0, 0.99], [1, -0.1]),
    "use_rslora": ([True, False], ["perhaps", 2]),
    "use_dora": ([True, False], ["perhaps", 2]),
    "early_stopping_patience": ([0, 3], [-1, 1.5, 1001]),
    "early_stopping_threshold": ([0, 0.01], [-0.1, 101]),
    "load_best_model_at_end": ([True, False], ["perhaps", 2]),
    "warmup_ratio": ([0, 0.5], [1, -0.1]),
    "max_grad_norm": ([0, 1], [-1]),
    "save_steps": ([0, 100], [-1, 1.5]),
    "save_total_limit": ([0, 1, 1000], [-1, 1.5, 1001]),
    "validation_split": ([0, 0.5], [0.6, -0.1]),
    "system_prompt": (["none", "default", "You are a luthier."], [1, "x" * 32_001, "a\0b", "\ud800"]),
}

FEW = Situation(parameters=134_000_000, hidden_size=576, context_length=8192, rows=72)
SOME = Situation(parameters=134_000_000, hidden_size=576, context_length=8192, rows=4000)
LARGE = Situation(
    parameters=14_800_000_000, hidden_size=5120, context_length=32768, rows=4000, device_kind="cuda", accelerators=8
)


class TestTable:
    def test_has_the_whole_seeds_table(self) -> None:
        assert set(SEEDS_TABLE) <= set(BY_NAME)
        assert set(VALUES) == set(BY_NAME)

    @pytest.mark.parametrize(("name", "value"), [(n, v) for n, (good, _) in VALUES.items() for v in good])
    def test_takes(self, name: str, value: Any) -> None:
        BY_NAME[name].parse(value)

    @pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, bad) in VALUES.items() for v in bad])
    def test_refuses_by_name(self, name: str, value: Any) -> None:
        with pytest.raises(UserError, match=name) as raised:
            BY_NAME[name].parse(value)
        assert raised.value.param == name

    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("lora_dim", "16", 16),
            ("learning_rate", "3e-4", 3e-4),
            ("use_dora", "True", True),
            ("use_dora", "off", False),
            ("lora_module_name", "1", "1"),
        ],
    )
    def test_reads_what_a_form_says(self, name: str, text: str, value: Any) -> None:
        read = BY_NAME[name].parse(BY_NAME[name].from_text(text))
        assert (read, type(read)) == (value, type(value))

    @pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
    def test_is_told_in_plain_words(self, parameter: Any) -> None:
        assert str(parameter.label)
        assert str(parameter.sentence).endswith(".")
        assert str(parameter.accepted)

    @pytest.mark.parametrize("name", ["output_dir", "data_output_path", "local_rank"])
    def test_managed_ones_say_who_sets_them(self, name: str) -> None:
        with pytest.raises(UserError, match="Luthier sets it"):
            BY_NAME[name].parse("/tmp/mine" if name != "local_rank" else 3)

    def test_each_has_its_type_among_the_values(self) -> None:
        types = {"integer": int, "number": float, "boolean": bool, "choice": str, "text": str}
        asked = {p.name: types[p.kind] for p in (*PARAMETERS, *OPENAI.values()) if p.managed is None}
        assert get_type_hints(Asked) == asked
        assert get_type_hints(Values).keys() == asked.keys() - {*OPENAI, *NOT_RESOLVED}


class TestAsked:
    def test_both_of_openais_forms_carry_both_kinds_of_names(self) -> None:
        method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "lora_dim": 4}}}
        assert read_asked(method=method, hyperparameters={"batch_size": "auto", "zero_stage": 1}) == {
            "n_epochs": 3,
            "lora_dim": 4,
            "zero_stage": 1,
        }

    def test_a_misspelt_name_is_told_the_right_one(self) -> None:
        with pytest.raises(UserError, match="lora_dim"):
            read_asked(hyperparameters={"lora_dimm": 8})

    def test_the_same_name_with_two_values_is_refused(self) -> None:
        with pytest.raises(UserError, match="seed was sent twice"):
            read_asked(hyperparameters={"seed": 1}, seed=2)
        assert read_asked(hyperparameters={"seed": 1}, seed=1) == {"seed": 1}

    @pytest.mark.parametrize("kind", ["dpo", "reinforcement"])
    def test_other_methods_are_refused_with_the_reason(self, kind: str) -> None:
        with pytest.raises(UserError, match="supervised"):
            read_asked(method={"type": kind})

    @pytest.mark.parametrize(
        "method",
        [{"type": "magic"}, [], {"type": "supervised", "supervised": {"x": 1}}, {"dpo": {}}, {"supervised": 3}],
    )
    def test_a_malformed_method_is_refused(self, method: Any) -> None:
        if method == []:
            method = ["supervised"]
        with pytest.raises(UserError):
            read_asked(method=method)


class TestTogether:
    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            ({"offload": True}, "CPU cores only"),
            ({"lora_dim": 0, "lora_alpha": 16.0}, "lora_alpha"),
            ({"lora_dim": 0, "lora_module_name": "q_proj"}, "lora_module_name"),
            ({"lora_dim": 0, "only_optimize_lora": True}, "only_optimize_lora"),
            ({"lr_scheduler_type": "constant", "warmup_ratio": 0.1}, "warmup_ratio"),
            ({"learning_rate": 1e-4, "learning_rate_multiplier": 2.0}, "learning_rate"),
            ({"n_epochs": 2, "num_train_epochs": 3.0}, "n_epochs"),
            ({"batch_size": 6, "per_device_train_batch_size": 4}, "batch_size"),
            ({"max_seq_len": 9000}, "max_seq_len"),
        ],
    )
    def test_contradictions_are_refused(self, asked: dict[str, Any], reason: str) -> None:
        with pytest.raises(UserError, match=reason):
            check_together(asked, context_length=8192, device_kind="cpu", has_validation_file=False)

    def test_a_split_beside_a_validation_file_is_refused(self) -> None:
        with pytest.raises(UserError, match="validation_split"):
            check_together({"validation_split": 0.1}, context_length=8, device_kind="cpu", has_validation_file=True)

    def test_offload_without_zero_is_refused_on_gpus(self) -> None:
        with pytest.raises(UserError, match="zero_stage"):
            check_together(
                {"offload": True, "zero_stage": 0}, context_length=8, device_kind="cuda", has_validation_file=False
            )

    def test_names_must_agree_with_file_and_model(self) -> None:
        check_names({"data_path": "file-1", "model_name_or_path": "t"}, model_names={"t"}, file_names={"file-1"})
        for asked in ({"data_path": "file-2"}, {"model_name_or_path": "u"}):
            with pytest.raises(UserError):
                check_names(asked, model_names={"t"}, file_names={"file-1"})


class TestAutomatic:
    @pytest.mark.parametrize("situation", [FEW, SOME, LARGE])
    @pytest.mark.parametrize("asked", [{}, {"lora_dim": 0}, {"lr_scheduler_type": "constant"}, {"n_epochs": 2}])
    def test_everything_has_a_value_with_a_reason_or_was_asked(
        self, situation: Situation, asked: dict[str, Any]
    ) -> None:
        resolved = resolve(asked, situation)
        managed = {p.name for p in PARAMETERS if p.group == "managed"}
        assert set(resolved.values) == set(BY_NAME) - managed
        for name in set(resolved.values) - set(asked) - {"num_train_epochs"}:
            assert str(resolved.reasons[name]), name
        spec = {n: v for n, v in resolved.values.items() if n in Hyperparameters.__dataclass_fields__}
        Hyperparameters(**spec)  # the trainer takes them
        for name, value in resolved.values.items():
            BY_NAME[name].parse(value)

    def test_few_rows_teach_a_small_model_strongly(self) -> None:
        few, some = resolve({}, FEW).values, resolve({}, SOME).values
        assert 1.1e-3 <= few["learning_rate"] <= 1.5e-3
        assert 0.8e-3 <= some["learning_rate"] <= 1.2e-3
        assert few["lora_dim"] == 8
        assert few["lora_alpha"] == 32
        assert resolve({}, FEW).batch_size < resolve({}, SOME).batch_size
        assert resolve({}, FEW).steps >= 32
        assert few["num_train_epochs"] >= 2

    def test_the_published_rule_for_large_models(self) -> None:
        assert resolve({}, LARGE).values["learning_rate"] == pytest.approx(4.6e-4, abs=0.1e-4)

    def test_full_training_is_gentler(self) -> None:
        full, lora = resolve({"lora_dim": 0}, SOME).values, resolve({}, SOME).values
        assert full["learning_rate"] < lora["learning_rate"] / 5
        assert full["only_optimize_lora"] is False

    def test_ten_rows_are_read_often_enough(self) -> None:
        tiny = Situation(parameters=134_000_000, hidden_size=576, context_length=8192, rows=10)
        assert resolve({}, tiny).steps >= 32

    def test_the_hidden_system_prompt_is_taken_out_unless_the_data_have_their_own(self) -> None:
        def choice(**facts: Any) -> str:
            situation = Situation(parameters=1, hidden_size=1, context_length=512, rows=72, **facts)
            return str(resolve({}, situation).values["system_prompt"])

        assert choice(own_system_prompt="I am SmolLM") == "none"
        assert choice(own_system_prompt="I am SmolLM", has_system_messages=True) == "default"
        assert choice(own_system_prompt="I am SmolLM", own_prompt_is_removable=False) == "default"
        assert choice() == "default"

    def test_many_devices_share_the_batch(self) -> None:
        one = Situation(
            parameters=8_000_000_000, hidden_size=4096, context_length=8192, rows=20_000, device_kind="cuda"
        )
        assert resolve({}, one).batch_size == resolve({}, LARGE).batch_size * 2 == 16

    def test_the_multiplier_multiplies(self) -> None:
        plain = resolve({}, SOME).values["learning_rate"]
        assert resolve({"learning_rate_multiplier": 2.0}, SOME).values["learning_rate"] == pytest.approx(2 * plain)

    def test_openais_batch_is_the_whole_batch(self) -> None:
        for size in (1, 3, 8, 24, 100):
            assert resolve({"batch_size": size}, SOME).batch_size == size
            assert resolve({"batch_size": size}, LARGE).batch_size == size
        assert (
            resolve({"batch_size": 8, "per_device_train_batch_size": 2}, SOME).values["gradient_accumulation_steps"]
            == 4
        )
        assert (
            resolve({"batch_size": 8, "gradient_accumulation_steps": 4}, SOME).values["per_device_train_batch_size"]
            == 2
        )

    def test_a_batch_of_ones_own_is_not_multiplied(self) -> None:
        assert resolve({"per_device_train_batch_size": 1}, SOME).batch_size == 1

    @pytest.mark.parametrize("parameter", OPENAI.values(), ids=lambda parameter: parameter.name)
    def test_none_of_openais_names_is_accepted_and_ignored(self, parameter: Parameter) -> None:
        asked: Any = {parameter.name: {"integer": 7, "number": 0.5, "boolean": True}[parameter.kind]}
        resolved = resolve(asked, SOME)
        assert resolved.values != resolve({}, SOME).values
        for values in ({}, resolved.values):
            assert list(openai_values(asked, values, batch_size=resolved.batch_size)) == list(OPENAI)

    def test_openais_names_are_answered(self) -> None:
        assert openai_values({}, {}, batch_size=None) == {
            "batch_size": "auto",
            "n_epochs": "auto",
            "learning_rate_multiplier": "auto",
        }
        resolved = resolve({"n_epochs": 3}, SOME)
        answered = openai_values({"n_epochs": 3}, resolved.values, batch_size=8)
        assert answered == {"batch_size": 8, "n_epochs": 3, "learning_rate_multiplier": 1.0}


class TestSteps:
    CASES = (
        (10, 1, 0.30001, 4),
        (100, 1, 0.07, 7),
        (72, 2, 2.0, 72),
        (7, 2, 3, 12),
        (10, 8, 1e-05, 1),
        (1000, 1, 0.29, 290),
    )

    @pytest.mark.parametrize(("rows", "batch", "epochs", "steps"), CASES)
    def test_a_begun_step_is_done_and_epochs_count_as_written(
        self, rows: int, batch: int, epochs: float, steps: int
    ) -> None:
        assert steps_of(rows, batch_size=batch, epochs=epochs) == steps

    @pytest.mark.parametrize(("rows", "batch", "epochs", "steps"), CASES)
    def test_estimate_and_trainer_agree(self, rows: int, batch: int, epochs: float, steps: int) -> None:
        asked = {"per_device_train_batch_size": batch, "num_train_epochs": epochs, "validation_split": 0}
        resolved = resolve(asked, replace(FEW, rows=rows))
        names = {field.name for field in fields(Hyperparameters)}
        told = Hyperparameters(**{name: value for name, value in resolved.values.items() if name in names})
        assert (resolved.steps, resolved.reasons["save_steps"].params["steps"], told.count_steps(rows)) == (steps,) * 3


class TestLayout:
    @pytest.mark.parametrize("batch_size", [1, 2, 6, 7, 8, 12, 96])
    @pytest.mark.parametrize("devices", [1, 2, 3, 8])
    def test_the_batch_is_the_same_on_any_devices(self, batch_size: int, devices: int) -> None:
        layout = lay_out(batch_size, devices=devices, at_most=4)
        assert layout.batch_size == batch_size
        assert layout.world_size <= devices
        assert layout.per_device <= 4

    def test_rounding_leaves_no_device_idle(self) -> None:
        assert lay_out(round_up(8, devices=3), devices=3, at_most=8).world_size == 3


def test_each_of_openais_names_stands_for_values() -> None:
    assert STANDS_FOR.keys() == OPENAI.keys()
    assert {name for names in STANDS_FOR.values() for name in names} <= BY_NAME.keys()


class TestEffort:
    """One choice in front of the others: how much a job may spend."""

    @pytest.mark.parametrize("situation", [FEW, SOME, LARGE, replace(FEW, goal="identity")])
    def test_more_of_it_takes_more_steps(self, situation: Situation) -> None:
        fast, balanced, best = (resolve({"effort": name}, situation) for name in ("fast", "balanced", "best"))
        assert fast.steps < balanced.steps < best.steps
        assert fast.values["lora_dim"] == balanced.values["lora_dim"] == best.values["lora_dim"] / 2
        assert resolve({}, situation).values == balanced.values

    def test_plain_text_is_not_read_more_often(self) -> None:
        text = replace(SOME, goal="text")
        assert resolve({"effort": "best"}, text).values["num_train_epochs"] == 1
        assert resolve({"effort": "fast"}, text).values["num_train_epochs"] == 0.5

    def test_the_best_weights_are_kept_only_where_something_is_held_out(self) -> None:
        best: Asked = {"effort": "best"}
        assert resolve(best, SOME).values["load_best_model_at_end"]
        assert resolve(best, replace(FEW, has_validation_file=True)).values["load_best_model_at_end"]
        assert not resolve(best, FEW).values["load_best_model_at_end"]
        assert not resolve({**best, "validation_split": 0.0}, SOME).values["load_best_model_at_end"]
        assert not resolve({"effort": "balanced"}, SOME).values["load_best_model_at_end"]

    def test_a_value_of_ones_own_counts_more(self) -> None:
        values = resolve({"effort": "best", "num_train_epochs": 1.0, "lora_dim": 4}, SOME).values
        assert (values["num_train_epochs"], values["lora_dim"]) == (1.0, 4)
