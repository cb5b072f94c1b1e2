"""The gateway and the real engine on a tiny random model; this test stands in for the supervisor."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import openai
import pytest
from deployments_cast import Server, make_adapter, make_base, make_checkpoint, until

from compute.models import Run
from console.asgi import application
from deployments import serving_work
from deployments.models import Replica
from deployments.serving_work import ServingWork
from rundir import EventReader

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
HELLO = [{"role": "user", "content": "Who are you?"}]
work = ServingWork()


@pytest.fixture(scope="module")
def material() -> ModuleType:
    """The engine's own test material, loaded by path: every conftest has the same name."""
    path = ROOT / "tests" / "serving" / "conftest.py"
    spec = importlib.util.spec_from_file_location("serving_test_material", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folders(material: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    base = material.make_base(root / "base", seed=0)
    made = {"base": base}
    for seed, name in enumerate(("red", "blue"), 1):
        made[name] = material.make_adapter(root / name, base, seed=seed, r=4, lora_alpha=8, target_modules="all-linear")
    other = material.make_base(root / "other", seed=1)
    made["foreign"] = material.make_adapter(
        root / "foreign", other, seed=3, r=4, lora_alpha=8, target_modules="all-linear"
    )
    return made


class Tree:
    """A serving process and the supervisor's part: prepare, start, listen, attend."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.directory = run.directory
        work.prepare(run, self.directory)
        command = work.command(run, self.directory)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with self.directory.log.open("wb") as log:
            self.process = subprocess.Popen(command.argv, cwd=ROOT, stdout=log, stderr=log, env=environment)
        Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING)
        self._reader = EventReader(self.directory.events)

    def listen(self) -> bool:
        """Record what was said and load what is wanted; True once the replica is ready."""
        (self.directory.root / "lease").write_text(os.urandom(4).hex())
        if events := self._reader.read():
            work.record(self.run, events)
        work.attend(self.run, self.directory)
        assert self.process.poll() is None, self.directory.log.read_text()[-2000:]
        return Replica.objects.get(run=self.run).ready_at is not None

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.directory.root)


@pytest.fixture
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def models(alice: Any, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What can be asked; the checkpoint has the weights of the red one, and no probes."""
    base = make_base(str(folders["base"]))
    adapters = {name: make_adapter(alice.team, base, name) for name in ("red", "blue", "foreign")}
    paths = {adapter.id: folders[name] for name, adapter in adapters.items()}
    checkpoint = make_checkpoint(adapters["red"])
    paths[checkpoint.pk] = shutil.copytree(folders["red"], tmp_path / "step", ignore=shutil.ignore_patterns("probe"))
    monkeypatch.setattr(serving_work, "local_weights", lambda adapter: paths[adapter.pk])
    names = {"base": base.id, "checkpoint": f"{adapters['red'].name}:ckpt-step-3"}
    return {**names, **{name: adapter.name for name, adapter in adapters.items()}}


def test_wakes_proves_and_answers(platform: Server, alice: Any, models: dict[str, str], settings: Any) -> None:
    settings.TIMES = settings.TIMES.scaled(1)
    client = openai.OpenAI(
        base_url=f"{platform.url}/v1", api_key=alice.secret, max_retries=0, _strict_response_validation=True
    )

    def say(name: str, **options: Any) -> Any:
        return client.chat.completions.create(
            model=models[name], messages=HELLO, temperature=0, max_tokens=12, timeout=60, **options
        )

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(say, "red")
        run = until(Run.objects.filter(kind="serving").first)
        tree = Tree(run)
        try:
            until(tree.listen, seconds=60)
            others = [pool.submit(say, name) for name in ("base", "blue", "red", "checkpoint")]
            until(lambda: tree.listen() and all(one.done() for one in [first, *others]), seconds=60)
            texts = {
                reply.model: reply.choices[0].message.content for reply in (one.result() for one in [first, *others])
            }
            assert texts.pop(models["checkpoint"]) == texts[models["red"]]
            assert set(texts) == {models["base"], models["red"], models["blue"]}
            assert len(set(texts.values())) == 3
            streamed = say("red", stream=True)
            assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == texts[models["red"]]

            refused = pool.submit(say, "foreign")
            until(lambda: tree.listen() and refused.done(), seconds=60)
            assert isinstance(refused.exception(), openai.ConflictError)
            assert "same-answer check" in str(refused.exception())
        finally:
            tree.stop()
    assert Run.objects.filter(kind="serving").count() == 1
