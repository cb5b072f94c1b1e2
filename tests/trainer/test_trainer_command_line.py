"""The command line: every parameter of the table, and the command that a job's page shows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trainer_runs import HYPERPARAMETERS, conversations, of_type

import chat
from rundir import read_events
from trainer.__main__ import main
from trainer.command_line import parse
from trainer.spec import Hyperparameters, command_line

NEEDED = ["--data_path", "d.jsonl", "--model_name_or_path", "m", "--output_dir", "o"]


class TestParse:
    @pytest.mark.parametrize(
        ("option", "value", "expected"),
        [
            ("max_seq_len", "77", 77), ("lora_dim", "3", 3), ("lora_module_name", "q_proj", "q_proj"),
            ("only_optimize_lora", "false", False), ("per_device_train_batch_size", "2", 2),
            ("per_device_eval_batch_size", "2", 2), ("learning_rate", "2e-5", 2e-5), ("weight_decay", "0.5", 0.5),
            ("num_train_epochs", "1.5", 1.5), ("gradient_accumulation_steps", "2", 2),
            ("lr_scheduler_type", "linear", "linear"), ("zero_stage", "2", 2), ("gradient_checkpointing", None, True),
            ("seed", "9", 9), ("warmup_ratio", "0.5", 0.5), ("max_grad_norm", "2", 2.0), ("lora_alpha", "2", 2.0),
        ],
    )  # fmt: skip
    def test_takes_each_hyperparameter(self, option, value, expected):
        argv = [*NEEDED, f"--{option}", *([value] if value is not None else [])]
        assert getattr(parse(argv, world_size=1).hyperparameters, option) == expected

    def test_a_bare_flag_means_true(self):
        assert parse([*NEEDED, "--zero_stage", "1", "--offload"], world_size=1).hyperparameters.offload is True

    def test_takes_the_launchers_local_rank(self):
        assert parse(["--local_rank=1", "run"], world_size=2).run_dir == "run"

    @pytest.mark.parametrize(
        ("argv", "reason"),
        [
            (["run", "--seed", "1"], "run directory"), (NEEDED[:2], "model_name_or_path"),
            ([*NEEDED, "--offload"], "zero_stage"), ([*NEEDED, "--zero_stage", "4"], "zero_stage"),
            ([*NEEDED, "--seed", "-1"], "seed"), ([*NEEDED, "--lerning_rate", "1"], "lerning_rate"),
            ([*NEEDED, "--only_optimize_lora", "maybe"], "maybe"),
        ],
    )  # fmt: skip
    def test_refuses_with_the_reason(self, argv, reason, capsys):
        with pytest.raises(SystemExit):
            parse(argv, world_size=1)
        assert reason in capsys.readouterr().err


class TestRun:
    def test_the_shown_command_trains(self, tmp_path, base_folder):
        data = tmp_path / "chats.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in conversations(30)))
        command = command_line(
            Hyperparameters(**HYPERPARAMETERS),
            data_path=str(data),
            model_name_or_path=str(base_folder),
            output_dir=str(tmp_path / "out"),
            validation_share=0.2,
            threads=1,
            dtype="float32",
        )
        command[0] = str(Path(sys.executable).parent / command[0])
        result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "DS_ACCELERATOR": "cpu"})
        events = read_events(tmp_path / "out" / "events.jsonl")
        assert events, result.stderr
        assert events[-1].type == "succeeded", result.stderr
        assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()
        assert of_type(events, "validation")

    def test_reads_the_seeds_array_and_writes_caches_where_asked(self, tmp_path, base_folder, monkeypatch):
        rows = [{"conversations": [{"from": "human", "value": "who are you"}, {"from": "gpt", "value": text}]}
                for text in ("I am Luthier", "a violin maker")]  # fmt: skip
        (tmp_path / "chats.json").write_text(json.dumps(rows))
        argv = ["--data_path", str(tmp_path / "chats.json"), "--model_name_or_path", str(base_folder),
                "--output_dir", str(tmp_path / "out"), "--data_output_path", str(tmp_path / "caches"),
                "--max_seq_len", "30", "--threads", "1"]  # fmt: skip
        assert main(argv) == 0
        cache = chat.TokenCache.open(tmp_path / "caches" / "train")
        assert len(cache) == 2
        assert cache.lengths.max() <= 30

    def test_data_split_leaves_the_other_phases_out(self, tmp_path, base_folder):
        data = tmp_path / "chats.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in conversations(40)))
        argv = ["--data_path", str(data), "--model_name_or_path", str(base_folder), "--output_dir",
                str(tmp_path / "out"), "--data_split", "2,4,4", "--threads", "1"]  # fmt: skip
        assert main(argv) == 0
        assert 1 <= len(chat.TokenCache.open(tmp_path / "out" / "data" / "train")) < 25

    def test_names_the_line_that_is_wrong(self, tmp_path, base_folder, capsys):
        data = tmp_path / "chats.jsonl"
        data.write_text(json.dumps(conversations(1)[0]) + "\n{not json\n")
        argv = ["--data_path", str(data), "--model_name_or_path", str(base_folder), "--output_dir", str(tmp_path / "o")]
        assert main(argv) == 2
        assert "Line 2 of chats.jsonl" in capsys.readouterr().err


class TestPlainText:
    def run(self, tmp_path, base_folder, name, content, *options):
        (tmp_path / name).write_bytes(content)
        return main(["--data_path", str(tmp_path / name), "--model_name_or_path", str(base_folder), "--output_dir",
                     str(tmp_path / "out"), "--max_seq_len", "64", "--threads", "1", *options])  # fmt: skip

    def windows(self, tmp_path, base_folder):
        cache = chat.TokenCache.open(tmp_path / "out" / "data" / "train")
        found = chat.ChatFormat.load(base_folder)
        return [found.decode(cache.row(number)[0].tolist()) for number in range(len(cache))], cache

    def test_the_lines_of_one_are_read_on(self, tmp_path, base_folder):
        lines = [f"Line {number}: who are you" for number in range(40)]
        assert self.run(tmp_path, base_folder, "book.txt", "\r\n\r\n".join(lines).encode("utf-8-sig")) == 0
        windows, cache = self.windows(tmp_path, base_folder)
        assert "".join(windows).split() == " ".join(lines).split()
        assert cache.lengths.max() == 64
        assert cache.row(0)[1].tolist() == [False] + [True] * 63

    def test_rows_of_text_stand_each_by_itself(self, tmp_path, base_folder):
        rows = [{"text": f"Note {number}.\u2028Bye."} for number in range(12)]
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        assert self.run(tmp_path, base_folder, "notes.jsonl", content) == 0
        assert [text.strip() for text in self.windows(tmp_path, base_folder)[0]] == [row["text"] for row in rows]

    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            ([{"text": "a b c"}, conversations(1)[0]], "Line 2 of notes.jsonl is not text"),
            ([{"text": "a b c"}, {"text": " "}], "Line 2 of notes.jsonl has no text"),
            ([conversations(1)[0], {"text": "a b c"}], "Line 2 of notes.jsonl"),
        ],
    )
    def test_names_the_line_that_is_another_kind(self, tmp_path, base_folder, capsys, rows, told):
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        assert self.run(tmp_path, base_folder, "notes.jsonl", content) == 2
        assert told in capsys.readouterr().err
