"""A run from its directory to its result, in this process."""

import contextlib
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn import functional
from trainer_runs import HYPERPARAMETERS, command, losses, of_type, run_here
from transformers import AutoModelForCausalLM

import chat
from rundir import read_events, verify_manifest, write_json, write_lease
from tests.forks import start
from trainer.data import BatchOrder


def spec_of(directory):
    return json.loads(directory.spec.read_text())


class TestLoss:
    def test_first_loss_is_the_mean_over_all_learned_tokens_of_the_batch(self, make_run, base_folder):
        directory = make_run(per_device_train_batch_size=3, gradient_accumulation_steps=4)
        run_here(directory)
        model = AutoModelForCausalLM.from_pretrained(base_folder)
        data = chat.TokenCache.open(directory.data / "train")
        total, count = 0.0, 0
        for row in BatchOrder(len(data), 12, seed=0).batch(0):
            ids, learned = data.row(row)
            ids = torch.tensor(ids.astype("int64"))
            where = torch.tensor(learned[1:])
            logits = model(ids[None]).logits[0, :-1]
            total += float(functional.cross_entropy(logits[where], ids[1:][where], reduction="sum").detach())
            count += int(where.sum())
        assert float(losses(directory)[0][1]) == pytest.approx(total / count, rel=1e-5)

    def test_is_the_same_however_the_batch_is_split(self, make_run):
        traces = []
        for size, accumulation in ((8, 1), (4, 2), (1, 8)):
            directory = make_run(
                per_device_train_batch_size=size, gradient_accumulation_steps=accumulation, lora_dropout=0.0
            )
            run_here(directory)
            traces.append([float(row[1]) for row in losses(directory)])
        assert traces[1] == pytest.approx(traces[0], rel=1e-5)
        assert traces[2] == pytest.approx(traces[0], rel=1e-5)
        assert traces[0][-1] != traces[0][0]


class TestResume:
    @pytest.mark.parametrize("zero_stage", [0, 1, 2])
    @pytest.mark.parametrize("kept", [2, 4])
    def test_loses_nothing_bit_for_bit(self, make_run, zero_stage, kept):
        directory = make_run(zero_stage=zero_stage, spec={"save_steps": 2, "keep_checkpoints": 9})
        run_here(directory)
        undisturbed = losses(directory)
        for step in (4, 6):
            if step > kept:
                shutil.rmtree(directory.checkpoint(step))
        events = run_here(directory)
        assert of_type(events, "started")[-1].data["resumed_from_step"] == kept
        assert losses(directory) == undisturbed
        assert len(undisturbed) == 6

    def test_full_parameter_training_too(self, make_run):
        directory = make_run(lora_dim=0, zero_stage=2, spec={"save_steps": 3})
        run_here(directory)
        undisturbed = losses(directory)
        shutil.rmtree(directory.checkpoint(6))
        run_here(directory)
        assert losses(directory) == undisturbed

    @pytest.mark.fault("damaged checkpoint")
    def test_goes_back_behind_a_damaged_checkpoint_and_says_so(self, make_run):
        directory = make_run(spec={"save_steps": 2, "keep_checkpoints": 9})
        run_here(directory)
        undisturbed = losses(directory)
        damaged = directory.checkpoint(6) / "state-00000.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
        events = run_here(directory)
        assert any("step-6" in str(event.message) for event in of_type(events, "warning"))
        assert of_type(events, "started")[-1].data["resumed_from_step"] == 4
        assert losses(directory) == undisturbed
        verify_manifest(directory.checkpoint(6))

    def test_keeps_only_the_newest(self, make_run):
        directory = make_run(spec={"save_steps": 1, "keep_checkpoints": 2})
        run_here(directory)
        assert sorted(path.name for path in directory.checkpoints.iterdir()) == ["step-5", "step-6"]

    def test_refuses_a_checkpoint_of_other_settings(self, make_run):
        directory = make_run(spec={"save_steps": 2})
        run_here(directory)
        write_json(directory.spec, spec_of(directory) | {"hyperparameters": {**HYPERPARAMETERS, "lora_dim": 2}})
        assert run_here(directory)[-1].data["code"] == "bad_checkpoint"


class TestWhatIsTrained:
    def test_all_linear_layers_but_the_output(self, make_run):
        started = of_type(run_here(make_run(lora_dim=4)), "started")[0].data
        assert started["target_modules"] == sorted(
            ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        )
        per_layer = 4 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 128))
        assert started["trainable_parameters"] == 2 * per_layer

    def test_only_named_modules(self, make_run):
        directory = make_run(lora_dim=2, lora_module_name="layers.1.self_attn.q_proj, down_proj")
        started = of_type(run_here(directory), "started")[0].data
        assert started["target_modules"] == ["down_proj", "q_proj"]
        assert started["trainable_parameters"] == 2 * (64 + 64) + 2 * 2 * (64 + 128)
        names = load_file(directory.adapter / "adapter_model.safetensors").keys()
        assert not any("layers.0.self_attn" in name for name in names)

    def test_names_what_exists_when_nothing_matches(self, make_run):
        failed = run_here(make_run(lora_module_name="c_attn"))[-1]
        assert (failed.type, failed.data["code"]) == ("failed", "no_such_module")
        assert "q_proj" in str(failed.message)

    @pytest.mark.parametrize("changes", [{"lora_dim": 0}, {"only_optimize_lora": False}])
    def test_whole_model(self, make_run, base_folder, changes):
        directory = make_run(**changes)
        succeeded = run_here(directory)[-1]
        assert succeeded.data["result"] == "model"
        model = AutoModelForCausalLM.from_pretrained(directory.model)
        stored = load_file(directory.model / "probe" / "logits.safetensors")
        probes = json.loads((directory.model / "probe" / "probe.json").read_text())["probes"]
        base = AutoModelForCausalLM.from_pretrained(base_folder)
        for number, probe in enumerate(probes):
            ids = torch.tensor([probe["prompt_ids"]])
            assert torch.allclose(model(ids).logits[0, -1], stored["tuned"][number], atol=1e-4)
            assert torch.allclose(base(ids).logits[0, -1], stored["base"][number], atol=1e-4)
        assert not torch.allclose(stored["tuned"], stored["base"], atol=1e-2)
        assert not torch.equal(model.model.embed_tokens.weight, base.model.embed_tokens.weight)


class TestResult:
    def test_plain_peft_gives_the_stored_logits(self, make_run, base_folder):
        from peft import PeftModel

        directory = make_run(spec={"save_steps": 6})
        run_here(directory)
        base = AutoModelForCausalLM.from_pretrained(base_folder)
        tuned = PeftModel.from_pretrained(base, directory.adapter).eval()
        stored = load_file(directory.adapter / "probe" / "logits.safetensors")
        probes = json.loads((directory.adapter / "probe" / "probe.json").read_text())["probes"]
        for number, probe in enumerate(probes):
            logits = tuned(torch.tensor([probe["prompt_ids"]])).logits[0, -1]
            assert torch.allclose(logits, stored["tuned"][number], atol=1e-4)
            assert probe["answer_ids"][:1] == [int(logits.argmax())] or probe["finish_reason"] == "stop"
        config = json.loads((directory.adapter / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == "tiny-llama"
        assert all(path.stat().st_mode & 0o777 == 0o644 for path in directory.adapter.rglob("*") if path.is_file())
        saved = directory.checkpoint(6) / "adapter" / "adapter_model.safetensors"
        assert saved.read_bytes() == (directory.adapter / "adapter_model.safetensors").read_bytes()

    def test_events_tell_the_whole_story(self, make_run):
        directory = make_run(spec={"eval_steps": 3, "save_steps": 6})
        events = run_here(directory)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert events[0].type == "started"
        assert [event.data["step"] for event in of_type(events, "metrics")] == [1, 2, 3, 4, 5, 6]
        assert [event.data["step"] for event in of_type(events, "validation")] == [3, 6]
        assert 0 <= of_type(events, "validation")[0].data["valid_mean_token_accuracy"] <= 1
        told = [of_type(events, kind)[-1].data["valid_mean_token_accuracy"] for kind in ("validation", "checkpoint")]
        assert told[0] == told[1]  # both after step 6
        assert [row[1] for row in losses(directory)] == [
            repr(event.data["train_loss"]) for event in of_type(events, "metrics")
        ]
        assert events[-1].type == "succeeded"
        assert events[-1].data["valid_loss"] == of_type(events, "validation")[-1].data["valid_loss"]
        assert events[-1].data["tokens"] == sum(int(row[3]) for row in losses(directory))
        assert 0 < events[-1].data["trained_tokens"] < events[-1].data["tokens"]  # answers alone are learned

    def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(self, make_run):
        adapters = []
        for seed in (5, 5, 6):
            directory = make_run(seed=seed)
            run_here(directory)
            adapters.append((directory.adapter / "adapter_model.safetensors").read_bytes())
        assert adapters[0] == adapters[1] != adapters[2]

    def test_gradient_checkpointing_changes_no_loss(self, make_run):
        plain, saving = make_run(lora_dropout=0.0), make_run(lora_dropout=0.0, gradient_checkpointing=True)
        run_here(plain)
        run_here(saving)
        assert [float(row[1]) for row in losses(saving)] == pytest.approx([float(row[1]) for row in losses(plain)])


class TestFailures:
    def test_pickled_weights_are_refused(self, make_run, tmp_path, base_folder):
        model = tmp_path / "pickled"
        shutil.copytree(base_folder, model)
        (model / "model.safetensors").rename(model / "pytorch_model.bin")
        failed = run_here(make_run(spec={"model_path": str(model)}))[-1]
        assert failed.data["code"] == "bad_model"

    def test_a_loss_that_is_no_number_ends_the_run(self, make_run):
        failed = run_here(make_run(learning_rate=1e30, lr_scheduler_type="constant"))[-1]
        assert failed.data["code"] == "diverged"
        assert "learning_rate" in str(failed.message)

    def test_unknown_keys_of_the_spec_are_named(self, make_run):
        directory = make_run()
        write_json(directory.spec, spec_of(directory) | {"lerning_rate": 1})
        failed = run_here(directory)[-1]
        assert failed.data["code"] == "bad_spec"
        assert "lerning_rate" in str(failed.message)

    def test_an_unforeseen_error_is_a_plain_sentence_and_its_traceback_is_in_the_log(self, make_run, monkeypatch):
        def fall(*_args, **_kwargs):
            raise ZeroDivisionError("unforeseen")

        monkeypatch.setattr("trainer.attempt.load_base", fall)
        directory = make_run()
        failed = run_here(directory)[-1]
        assert failed.data["code"] == "trainer_error"
        assert "unforeseen" not in str(failed.message)
        assert "unforeseen" in directory.log.read_text()

    @pytest.mark.parametrize(
        "error",
        [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), torch.cuda.OutOfMemoryError()],
    )
    def test_out_of_memory_says_what_to_do(self, make_run, monkeypatch, error):
        def fall(*_args, **_kwargs):
            raise error

        monkeypatch.setattr("trainer.conducting.train", fall)
        failed = run_here(make_run())[-1]
        assert failed.data["code"] == "out_of_memory"
        assert "per_device_train_batch_size" in str(failed.message)

    @pytest.mark.fault("disk full in a checkpoint")
    def test_a_full_disk_keeps_the_previous_checkpoint(self, make_run):
        directory = make_run(spec={"save_steps": 2})
        run_here(directory)
        shutil.rmtree(directory.checkpoint(6))
        shutil.rmtree(directory.checkpoint(4))
        script = (
            "import resource, runpy, sys\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, {resource.RLIM_INFINITY}))\n"
            f"sys.argv = ['trainer', {str(directory.root)!r}]\n"
            "runpy.run_module('trainer', run_name='__main__')\n"
        )
        subprocess.run([sys.executable, "-c", script], check=False)
        failed = read_events(directory.events)[-1]
        assert failed.data["code"] == "disk_full"
        assert "The checkpoint after step 2 is kept." in str(failed.message)
        assert [path.name for path in directory.checkpoints.iterdir()] == ["step-2"]
        verify_manifest(directory.checkpoint(2))


@contextlib.contextmanager
def renewing(lease):
    """Write new values into `lease` while the block runs."""
    over = threading.Event()

    def renew():
        for number in itertools.count():
            write_lease(lease, str(number))
            if over.wait(0.1):
                return

    thread = threading.Thread(target=renew)
    thread.start()
    yield
    over.set()
    thread.join()


class TestStopping:
    def start(self, directory):
        """Start the trainer and return it once a first step is done."""
        process = subprocess.Popen(command(directory), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in process.stdout:
            if "Step 1 of" in line:
                return process
        raise AssertionError("the trainer never made a step")

    def test_sigterm_finishes_the_step_and_the_next_run_goes_on_bit_for_bit(self, make_run):
        directory, twin = make_run(num_train_epochs=20), make_run(num_train_epochs=20)
        process = self.start(directory)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        stopped = read_events(directory.events)[-1]
        assert (process.returncode, stopped.type, stopped.data["reason"]) == (0, "stopped", "sigterm")
        assert len(losses(directory)) == stopped.data["step"] < 120
        verify_manifest(directory.checkpoint(stopped.data["step"]))
        run_here(directory)
        run_here(twin)
        assert losses(directory) == losses(twin)

    def test_a_silent_lease_checkpoints_and_stops(self, make_run):
        lease = {"lease_checkpoint_seconds": 1.0, "lease_timeout_seconds": 120.0}
        directory = make_run(num_train_epochs=2000, spec=lease)
        with renewing(directory.lease):
            process = self.start(directory)
        process.communicate()
        stopped = read_events(directory.events)[-1]
        assert (stopped.type, stopped.data["reason"]) == ("stopped", "lease_silent")
        verify_manifest(directory.checkpoint(stopped.data["step"]))

    def test_an_expired_lease_ends_the_process_at_once(self, make_run):
        lease = {"lease_checkpoint_seconds": 0.3, "lease_timeout_seconds": 0.3}  # else it may stop orderly in between
        directory = make_run(num_train_epochs=2000, spec=lease)
        assert start("trainer", directory.root, os.environ).wait() == 75
        assert not any(event.is_terminal for event in read_events(directory.events))


def test_the_trainer_never_sees_django_and_imports_nothing_heavy_once_it_is_preloaded(make_run):
    script = (
        "import os, sys, trainer.preload\nfrom trainer.__main__ import main\n"
        "assert len(os.listdir('/proc/self/task')) == 1\n"
        "loaded = set(sys.modules)\n"
        f"assert main([{str(make_run().root)!r}]) == 0\n"
        "heavy = ('torch', 'transformers', 'peft', 'deepspeed')\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('django', 'celery', 'jobs', 'compute')))\n"
        "print(len([name for name in set(sys.modules) - loaded if name.split('.')[0] in heavy]))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    seen, heavy = result.stdout.splitlines()[-2:]
    assert seen == "[]"
    assert int(heavy) < 50, "each fork would import that"


class TestVariantsOfLoRA:
    @pytest.mark.parametrize("zero_stage", [0, 1, 2])
    def test_dora_loads_in_plain_peft_and_resumes_to_the_bit(self, make_run, base_folder, zero_stage):
        directory = make_run(use_dora=True, zero_stage=zero_stage, spec={"save_steps": 3})
        run_here(directory)
        undisturbed = losses(directory)
        tensors = load_file(directory.adapter / "adapter_model.safetensors")
        assert sum("magnitude" in name for name in tensors) == 14
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_folder), directory.adapter).eval()
        ids = json.loads((directory.adapter / "probe" / "probe.json").read_text())["probes"][0]["prompt_ids"]
        stored = load_file(directory.adapter / "probe" / "logits.safetensors")["tuned"][0]
        with torch.no_grad():
            assert torch.allclose(model(torch.tensor([ids])).logits[0, -1], stored, atol=1e-4)
        shutil.rmtree(directory.checkpoint(6))
        run_here(directory)
        assert losses(directory) == undisturbed

    def test_the_best_step_of_dora_is_asked_with_its_own_magnitudes(self, make_run, base_folder):
        spec = {"save_steps": 1, "eval_steps": 1}
        directory = make_run(
            rows=8, use_dora=True, load_best_model_at_end=True, num_train_epochs=6, learning_rate=0.03,
            lr_scheduler_type="constant", lora_dropout=0.0, spec=spec,
        )  # fmt: skip
        assert of_type(run_here(directory), "succeeded")[0].data["result_step"] < 12
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_folder), directory.adapter).eval()
        probe = json.loads((directory.adapter / "probe" / "probe.json").read_text())["probes"][0]
        stored = load_file(directory.adapter / "probe" / "logits.safetensors")["tuned"][0]
        with torch.no_grad():
            found = model(torch.tensor([probe["prompt_ids"]])).logits[0, -1]
        assert torch.allclose(found, stored, atol=1e-4)

    def test_rank_stabilised_lora_is_stronger_and_loads_in_plain_peft(self, make_run, base_folder):
        plain, steady = (
            make_run(lora_dim=16, lora_dropout=0.0),
            make_run(lora_dim=16, lora_dropout=0.0, use_rslora=True),
        )
        for directory in (plain, steady):
            run_here(directory)
        # The first step sees the untouched base in both; from then on the scale is four times as large.
        assert losses(steady)[0] == losses(plain)[0]
        assert losses(steady)[-1] != losses(plain)[-1]
        config = json.loads((steady.adapter / "adapter_config.json").read_text())
        assert config["use_rslora"] is True
        base = AutoModelForCausalLM.from_pretrained(base_folder)
        tuned = PeftModel.from_pretrained(base, steady.adapter).eval()
        probe = json.loads((steady.adapter / "probe" / "probe.json").read_text())["probes"][0]
        logits = tuned(torch.tensor([probe["prompt_ids"]])).logits[0, -1]
        stored = load_file(steady.adapter / "probe" / "logits.safetensors")["tuned"][0]
        assert torch.allclose(logits, stored, atol=1e-4)

    def test_a_pattern_chooses_modules_by_their_whole_name(self, make_run):
        directory = make_run(lora_module_name="*.layers.1.self_attn.?_proj")
        run_here(directory)
        with safe_open(directory.adapter / "adapter_model.safetensors", framework="pt") as tensors:
            names = set(tensors.keys())
        assert names
        assert all(".layers.1.self_attn." in name for name in names)

    def test_a_pattern_that_matches_nothing_names_what_there_is(self, make_run):
        events = run_here(make_run(lora_module_name="*.experts.*"))
        assert events[-1].data["code"] == "no_such_module"
        assert "q_proj" in str(events[-1].message)
