"""A machine without something trains by PyTorch's own way: the same losses, and a sentence that says what is slower."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from trainer_runs import command, losses, of_type, run_here, write_run
from transformers import AutoConfig, LlamaForCausalLM

from machine import answers
from machine.answers import can, lays_out, why_not
from machine.facts import WITHOUT, Ability, processor_flags, processor_name, trains_faster_in_bf16
from rundir import RunDirectory, read_events
from tools import emulated
from trainer import native
from trainer.hardware import survey
from trainer.messages import message
from trainer.native import attention, passes

SAME = {"float32": 1e-4, "bfloat16": 2e-2}
"""Relative, of each step's loss: other functions add the same products in another order."""
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
FUNCTIONS = {
    Ability.NATIVE_ATTENTION: "attention_forward",
    Ability.NATIVE_RMS_NORM: "rms_norm_forward",
    Ability.NATIVE_SWIGLU: "swiglu_forward",
    Ability.NATIVE_NARROW: "narrow",
}


@pytest.fixture(scope="module")
def wide_folder(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose heads are wide enough for every function of ours."""
    folder = tmp_path_factory.mktemp("wide")
    config = AutoConfig.from_pretrained(base_folder)
    config.update({"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32})
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of our functions that were called."""
    names: set[str] = set()
    plain = passes.call

    def call(name: str, *arguments: Any) -> None:
        names.add(name)
        plain(name, *arguments)

    for module in (passes, attention):
        monkeypatch.setattr(module, "call", call)
    return names


def two_steps(root: Path, base_folder: Path, wide_folder: Path, dtype: str) -> RunDirectory:
    return write_run(
        root, base_folder, rows=8, lora_dropout=0.0,
        spec={"model_path": str(wide_folder), "dtype": dtype, "probes": [], "validation_data": None},
    )  # fmt: skip


def assert_same(found: RunDirectory, expected: RunDirectory, dtype: str) -> None:
    pairs = list(zip(losses(found), losses(expected), strict=True))
    assert len(pairs) == 2
    for one, other in pairs:
        assert float(one[1]) == pytest.approx(float(other[1]), rel=SAME[dtype])


def warnings(directory: RunDirectory) -> list[str]:
    """Return the codes of what was warned of."""
    return [event.message.code for event in of_type(read_events(directory.events), "warning") if event.message]


@pytest.fixture(scope="module")
def normal(base_folder: Path, wide_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunDirectory]:
    """Two steps as this machine takes them, in each number format."""
    runs = {}
    for dtype in SAME:
        runs[dtype] = two_steps(tmp_path_factory.mktemp("normal") / dtype, base_folder, wide_folder, dtype)
        assert run_here(runs[dtype])[-1].type == "succeeded"
    return runs


@pytest.mark.parametrize("ability", list(Ability))
def test_each_ability_may_be_missing(
    ability: Ability,
    normal: dict[str, RunDirectory],
    called: set[str],
    base_folder: Path,
    wide_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WITHOUT, ",".join(filter(None, (os.environ.get(WITHOUT), ability))))
    dtype = "bfloat16" if ability in (Ability.BF16_UNITS, Ability.ONEDNN_BFLOAT16) else "float32"
    run = two_steps(tmp_path / "run", base_folder, wide_folder, dtype)
    assert run_here(run)[-1].type == "succeeded"
    assert_same(run, normal[dtype], dtype)
    if not can(Ability.GPU):
        used = {FUNCTIONS[function] for function in FUNCTIONS if can(function)}
        assert called & set(FUNCTIONS.values()) == (used if dtype == "float32" else used & {"attention_forward"})
        says = {
            Ability.COMPILER: "no_compiler",
            Ability.ONEDNN_FLOAT32: "no_layouts",
            Ability.ONEDNN_BFLOAT16: "no_layouts" if can(Ability.BF16_UNITS) else "no_bf16_units",
            Ability.BF16_UNITS: "no_bf16_units",
        } | (dict.fromkeys(FUNCTIONS, "no_own_functions") if can(Ability.COMPILER) else {})
        assert ability not in says or warnings(run).count(says[ability]) == 1


def test_bfloat16_trains_on_a_processor_with_avx2_alone(
    normal: dict[str, RunDirectory], base_folder: Path, wide_folder: Path, tmp_path: Path
) -> None:
    run = two_steps(tmp_path / "run", base_folder, wide_folder, "bfloat16")
    environment = {**os.environ, **AVX2, "PYTHONPATH": os.pathsep.join((".", "platform"))}
    done = subprocess.run(command(run), env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert_same(run, normal["bfloat16"], "bfloat16")


def test_a_run_that_fails_before_its_start_still_ends_with_the_failure(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WITHOUT, "compiler")
    directory = make_run(lora_module_name="no_such_layer")
    events = run_here(directory)
    assert events[-1].type == "failed"
    assert can(Ability.GPU) or message("no_compiler") in [event.message for event in of_type(events, "warning")]


def test_auto_follows_the_flags_and_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen() -> torch.dtype:
        return survey(dtype="auto", threads=1, local_rank=0).dtype

    if can(Ability.GPU):
        pytest.skip("auto asks the GPU here")
    monkeypatch.setenv(WITHOUT, "onednn_bfloat16")
    has_units = not {"amx_bf16", "avx512_bf16"}.isdisjoint(processor_flags())
    assert trains_faster_in_bf16() == has_units
    assert chosen() == (torch.bfloat16 if has_units else torch.float32)
    monkeypatch.setenv(WITHOUT, "bf16_units")
    assert chosen() == torch.float32


@pytest.mark.parametrize(("limit", "units"), [("", True), ("DEFAULT", True), ("AVX2", False), ("avx512_core", False)])
def test_what_onednn_may_not_use_is_not_there(monkeypatch: pytest.MonkeyPatch, limit: str, units: bool) -> None:
    monkeypatch.delenv(WITHOUT, raising=False)
    monkeypatch.setattr(Path, "read_text", lambda path: "flags\t: sse4_2 avx2 avx512f avx512_bf16\n")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert trains_faster_in_bf16() == units
    assert {"avx2", "avx512f"} <= processor_flags()


def test_flags_of_an_arm_processor_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd sve bf16\nCPU implementer\t: 0x41\n"
    for name in (WITHOUT, "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(answers, "_reasons", {})
    monkeypatch.setattr(Path, "read_text", lambda path: lines)
    assert processor_flags() == {"fp", "asimd", "sve", "bf16"}
    assert processor_name() == "CPU"
    assert can(Ability.BF16_UNITS)
    assert not trains_faster_in_bf16()


class TestAnswers:
    def test_are_remembered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        def refuse() -> str:
            asked.append(1)
            raise RuntimeError("could not create a primitive descriptor")

        monkeypatch.delenv(WITHOUT, raising=False)
        monkeypatch.setattr(answers, "_reasons", {})
        monkeypatch.setitem(answers._trials, Ability.ONEDNN_BFLOAT16, refuse)
        assert not lays_out(torch.bfloat16)
        assert why_not(Ability.ONEDNN_BFLOAT16) == "could not create a primitive descriptor"
        assert asked == [1]

    def test_no_compiler_means_no_function_and_no_crash(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv(WITHOUT, raising=False)
        monkeypatch.setattr(answers, "_reasons", {})
        monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
        monkeypatch.setenv("CXX", "/nonexistent/g++")
        native.library.cache_clear()
        try:
            assert why_not(Ability.NATIVE_SWIGLU) == "there is no /nonexistent/g++"
        finally:
            native.library.cache_clear()

    def test_a_function_that_computes_something_else_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(WITHOUT, raising=False)
        monkeypatch.setattr(answers, "_reasons", {})
        if not can(Ability.NATIVE_NARROW):
            pytest.skip(why_not(Ability.NATIVE_NARROW))
        monkeypatch.setattr(answers, "_reasons", {})
        monkeypatch.setattr(passes, "narrow", lambda x, a, scale: x.new_zeros(len(x), len(a)))
        assert not can(Ability.NATIVE_NARROW)

    def test_a_name_that_is_none_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(WITHOUT, "avx512")
        with pytest.raises(ValueError, match="LUTHIER_MACHINE_WITHOUT is 'avx512', but an ability is one of"):
            can(Ability.GPU)

    def test_all_takes_every_one_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(WITHOUT, "all")
        assert not any(can(ability) for ability in Ability)


class TestEmulated:
    def test_names_what_it_cannot_try(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(emulated.shutil, "which", lambda tool: None)
        assert emulated.main() == 2
        out, error = capsys.readouterr()
        assert "Arm (Cortex-A72): left out, for want of aarch64-linux-gnu-g++ and qemu-aarch64" in out
        assert "Install qemu-user" in error

    @pytest.mark.parametrize("processor", emulated.PROCESSORS, ids=lambda processor: processor.name)
    def test_functions_are_right(self, processor: emulated.Processor, capsys: pytest.CaptureFixture[str]) -> None:
        if os.environ.get("LUTHIER_TEST_FULL") != "1":
            pytest.skip("emulated processors take half a minute: make test-full")
        right = emulated.check(processor)
        out = capsys.readouterr().out
        if right is None:
            pytest.skip(out.strip())
        assert right, out
