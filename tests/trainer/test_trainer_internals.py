"""What the trainer takes the private parts of its libraries to mean, in the versions that are pinned.

After an upgrade: make these pass, see whether a way around a fault is still needed, then raise PINNED.
"""

import ast
import dataclasses
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from trainer_runs import HYPERPARAMETERS
from transformers import AutoModelForCausalLM
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

import trainer
from trainer import internals
from trainer.engine import Ranks, join_process_group, start_engine
from trainer.hardware import survey
from trainer.internals import MOMENTS
from trainer.model import Trainee, load_base, prepare
from trainer.spec import Hyperparameters, TrainingSpec

PINNED = {"deepspeed": "0.19.", "peft": "0.21.", "transformers": "5.24."}
STAGES = [0, 1, 2, 3]
PRIVATE = re.compile(r"_[a-z]\w*|ds_\w+|__compatible_ops__")
ALLOWED = {"_exit", "_linear_pointwise", "_reorder_linear_weight"}
"""Python's own; and oneDNN's products, which `machine.answers` tries out on each machine."""


@pytest.mark.parametrize("library", list(PINNED))
def test_the_installed_version_is_one_that_was_looked_into(library: str) -> None:
    assert version(library).startswith(PINNED[library])


def test_no_other_module_touches_private_parts() -> None:
    found = []
    for path in Path(next(iter(trainer.__path__))).rglob("*.py"):
        if path.name == "internals.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(value=ast.Name(id="self" | "cls")):
                    continue
                case (
                    ast.Attribute(attr=name)
                    | ast.Call(
                        func=ast.Name(id="getattr" | "hasattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]
                    )
                ):
                    if PRIVATE.fullmatch(name) and name not in ALLOWED:
                        found.append(f"{path.name}:{node.lineno} {name}")
    assert found == []


@dataclasses.dataclass(frozen=True)
class Begun:
    engine: Any
    trainee: Trainee

    def step(self, rate: float = 1e-2) -> None:
        for group in self.engine.optimizer.param_groups:
            group["lr"] = rate
        ids = torch.arange(1, 9)[None]
        self.engine.backward(self.engine(input_ids=ids, labels=ids).loss)
        self.engine.step()

    def states(self) -> dict[str, torch.Tensor]:
        assert internals.has_moments(self.engine)
        return {
            f"{kind}.{name}": internals.read_state(self.engine, weight, None if kind == "weight" else kind).clone()
            for name, weight in self.trainee.trainable().items()
            for kind in ("weight", *MOMENTS)
        }

    def counted(self) -> list[int]:
        return [getattr(self.engine, name) for name in internals.COUNTERS]


@pytest.fixture
def begin(base_folder: Path) -> Any:
    """Return a function that starts DeepSpeed on the tiny model, every parameter of which is trained."""

    def begin(stage: int) -> Begun:
        chosen = Hyperparameters(**{**HYPERPARAMETERS, "lora_dim": 0, "zero_stage": stage})
        spec = TrainingSpec(model_path=str(base_folder), hyperparameters=chosen)
        hardware = survey(dtype="float32", threads=1, local_rank=0)
        trainee = prepare(load_base(base_folder, hardware), chosen)
        join_process_group(Ranks(rank=0, local_rank=0, world_size=1), hardware)
        return Begun(start_engine(spec, trainee, hardware), trainee)

    return begin


class TestDeepSpeed:
    @pytest.mark.parametrize("stage", STAGES)
    def test_weights_and_moments_are_found_by_parameter(self, begin: Any, stage: int) -> None:
        plain, begun = begin(0), begin(stage)
        assert not internals.has_moments(begun.engine)
        plain.step()
        begun.step()
        expected, found = plain.states(), begun.states()
        assert set(found) == set(expected)
        for name, tensor in expected.items():
            assert found[name].dtype == torch.float32
            assert (found[name] - tensor).norm() < 1e-3 * tensor.norm(), name
        assert any(tensor.any() for name, tensor in found.items() if name.startswith("exp_avg."))

    @pytest.mark.parametrize("stage", STAGES)
    def test_what_is_written_is_read(self, begin: Any, stage: int) -> None:
        begun = begin(stage)
        internals.make_moments(begun.engine, 5)
        assert not any(tensor.any() for name, tensor in begun.states().items() if not name.startswith("weight."))
        assert internals.has_moments(begun.engine)
        for number, weight in enumerate(begun.trainee.trainable().values()):
            shape = internals.full_shape(weight)
            for kind in (*MOMENTS, *([None] if stage else [])):
                value = torch.full(shape, number + 0.5)
                internals.write_state(begun.engine, weight, kind, value)
                assert torch.equal(internals.read_state(begun.engine, weight, kind), value)
        begun.step()
        assert {int(state["step"]) for state in begun.engine.basic_optimizer.state.values()} == {6}

    @pytest.mark.parametrize("stage", [1, 2])
    def test_it_misses_moments_of_the_second_group_so_that_they_must_be_linked(self, begin: Any, stage: int) -> None:
        from deepspeed.utils import safe_get_full_optimizer_state

        begun = begin(stage)
        begun.step()
        [norm, *_] = [weight for name, weight in begun.trainee.trainable().items() if "norm" in name]
        with pytest.raises(ValueError, match="exp_avg"):
            safe_get_full_optimizer_state(norm, "exp_avg")

    @pytest.mark.parametrize("stage", STAGES)
    def test_only_zero_three_spreads_weights(self, begin: Any, stage: int) -> None:
        weights = begin(stage).trainee.trainable().values()
        assert {internals.is_spread(weight) for weight in weights} == {stage == 3}
        assert torch.Size((64, 128)) in {internals.full_shape(weight) for weight in weights}

    @pytest.mark.parametrize("stage", STAGES)
    def test_steps_at_a_rate_of_zero_are_forgotten(self, begin: Any, stage: int) -> None:
        plain, begun = begin(stage), begin(stage)
        before = begun.counted()
        with internals.forgetting_steps(begun.engine):
            begun.step(rate=0.0)
            assert begun.counted() != before
        assert begun.counted() == before
        plain.step()
        begun.step()
        expected, found = plain.states(), begun.states()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())

    @pytest.mark.parametrize("stage", [1, 2, 3])
    def test_the_loss_scale_is_the_optimizers(self, begin: Any, monkeypatch: pytest.MonkeyPatch, stage: int) -> None:
        engine = begin(stage).engine
        internals.set_loss_scale(engine, 128.0)
        assert internals.loss_scale(engine) is None
        assert engine.optimizer.loss_scale == 1.0
        monkeypatch.setattr(engine, "fp16_enabled", lambda: True)  # a processor cannot train in it
        internals.set_loss_scale(engine, 128.0)
        assert internals.loss_scale(engine) == engine.optimizer.loss_scale == 128.0

    def test_alone_it_does_without_shared_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import deepspeed
        from deepspeed.comm.torch import build_shm_op
        from deepspeed.ops.op_builder.cpu import ShareMemCommBuilder

        def load(_builder: Any) -> None:
            raise AssertionError("It is compiled.")

        monkeypatch.setattr(ShareMemCommBuilder, "load", load)
        monkeypatch.setitem(deepspeed.ops.__compatible_ops__, ShareMemCommBuilder.NAME, True)
        with pytest.raises(AssertionError, match="compiled"):
            build_shm_op()
        internals.skip_shared_memory_operator()
        assert build_shm_op() is None


class TestPeft:
    def test_switched_off_adapters_answer_as_the_base_and_stay_trainable(self, base_folder: Path) -> None:
        ids = torch.arange(1, 9)[None]
        base = AutoModelForCausalLM.from_pretrained(base_folder)
        with torch.no_grad():
            expected = base(input_ids=ids).logits
        model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        with torch.no_grad():
            tuned = model(input_ids=ids).logits
            with internals.adapters_off(model):
                assert torch.equal(model(input_ids=ids).logits, expected)
                assert {name for name, weight in model.named_parameters() if weight.requires_grad} == trained
            assert torch.equal(model(input_ids=ids).logits, tuned)
        assert not torch.equal(tuned, expected)

    def test_layers_that_were_off_stay_off(self, base_folder: Path) -> None:
        base = AutoModelForCausalLM.from_pretrained(base_folder)
        model: Any = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear"))
        with model.disable_adapter():
            with internals.adapters_off(model):
                pass
            assert all(layer.disable_adapters for layer in model.modules() if hasattr(layer, "disable_adapters"))

    def test_its_own_switch_takes_the_gradients_away(self, base_folder: Path) -> None:
        base = AutoModelForCausalLM.from_pretrained(base_folder)
        model: Any = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear"))
        with model.disable_adapter():
            assert not any(weight.requires_grad for weight in model.parameters())


class TestTransformers:
    def test_the_attention_is_chosen_by_name_and_given_back(
        self, base_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        ids, asked = torch.arange(1, 9)[None], []

        def attend(*given: Any, **named: Any) -> Any:
            asked.append(True)
            return ALL_ATTENTION_FUNCTIONS["sdpa"](*given, **named)

        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "asked", attend)
        undo = internals.use_attention(causal, "asked")
        causal(input_ids=ids)
        assert len(asked) == causal.config.num_hidden_layers
        undo()
        causal(input_ids=ids)
        assert len(asked) == causal.config.num_hidden_layers
