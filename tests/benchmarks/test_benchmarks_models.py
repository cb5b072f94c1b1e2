"""The benchmarks on a fresh checkout: the model is fetched or it is said why not, and peers get it in a fast format."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from benchmarks import first_step, peer_environments, platform
from machine.facts import WITHOUT, Ability
from rundir import write_manifest
from tests.journeys.tiny_model import write_tiny_llama

ROOT = Path(__file__).resolve().parents[2]
FAKE_PEER = """#!/bin/sh
echo '***** Running training *****'
mkdir -p out && echo '{"global_step": 3}' > out/trainer_state.json
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter model's folder in a home of the benchmarks: a tiny Llama in bfloat16."""
    monkeypatch.setenv("LUTHIER_BENCH_HOME", str(tmp_path / "bench"))
    monkeypatch.setenv("LUTHIER_PEERS", str(tmp_path / "peers"))
    folder = tmp_path / "bench" / "models" / platform.BASE
    write_tiny_llama(folder)
    weights = load_file(folder / "model.safetensors")
    save_file({name: w.bfloat16() for name, w in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    write_manifest(folder)
    return folder


def dtype_of(folder: Path) -> str:
    with safe_open(folder / "model.safetensors", "pt") as weights:
        return str(weights.get_slice("lm_head.weight").get_dtype())


class TestStarterModel:
    def test_is_taken_where_it_is(self, base: Path) -> None:
        assert platform.starter_model() == base

    @pytest.mark.system
    @pytest.mark.parametrize("name", ["training", "tokenising", "first_step"])
    def test_that_cannot_be_fetched_ends_the_benchmark_with_a_sentence(self, name: str, tmp_path: Path) -> None:
        nowhere = "postgres://luthier:secret@127.0.0.1:9/luthier"  # so that the platform cannot start
        mine = {"LUTHIER_BENCH_HOME": str(tmp_path), "LUTHIER_PEERS": str(tmp_path / "peers"), "DATABASE_URL": nowhere}
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", "--quick"], cwd=ROOT, env={**os.environ, **mine},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"{platform.BASE} could not be fetched, and without it")
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "peers").exists(), "a peer is installed for nothing"


class TestPeers:
    def train(self, work: Path) -> Path:
        """Let a peer that only says that it trains have its turn; return the base that it was given."""
        home = peer_environments.folder() / "llamafactory"
        (home / "bin").mkdir(parents=True)
        (home / "ready").touch()
        command = home / "bin" / "llamafactory-cli"
        command.write_text(FAKE_PEER)
        command.chmod(0o755)
        steps: list[int] = []
        assert first_step.by_peer(work, [{"messages": []}], steps) > 0
        assert steps == [3]
        return Path(json.loads((work / "train.yaml").read_text())["model_name_or_path"])

    def test_without_bfloat16_units_gets_a_base_in_float32(
        self, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(WITHOUT, Ability.BF16_UNITS.value)
        given = self.train(tmp_path / "work")
        assert (dtype_of(base), dtype_of(given)) == ("BF16", "F32")
        assert json.loads((given / "config.json").read_text())["dtype"] == "float32"
        assert (given / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()

    def test_with_them_gets_it_as_it_is_stored(
        self, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peer_environments, "trains_faster_in_bf16", lambda: True)
        assert self.train(tmp_path / "work") == base
