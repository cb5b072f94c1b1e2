"""A node dies in the middle of an upload; what the next attempt publishes over it is whole and its own."""

from pathlib import Path

import pytest
from job_makers import FakeTrainer, end

from common import artifacts
from compute.models import Run
from jobs.models import Attempt, FineTuningJob
from jobs.training import concluding
from jobs.training.work import Training
from rundir import sha256_of_file, write_manifest
from rundir.manifest import NAME as MANIFEST

pytestmark = pytest.mark.django_db


def newest(job: FineTuningJob) -> Attempt:
    attempt = job.newest_attempt
    assert attempt is not None
    return attempt


def dying(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Kill whoever publishes after so many files, in the middle of the next one."""
    publish, sent = artifacts.publish_file, []

    def broken(path: Path, name: str) -> None:
        if len(sent) == after:
            half = path.with_name(f"{path.name}.half")
            half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            publish(half, name)
            half.unlink()
            raise KeyboardInterrupt
        sent.append(name)
        publish(path, name)

    monkeypatch.setattr(artifacts, "publish_file", broken)


def lost(trainer: FakeTrainer, job: FineTuningJob) -> Run:
    """Lose the attempt with its node; return the next one's Run."""
    concluding.conclude(newest(job), end(trainer.run, "lost").directory, "lost")
    return newest(job).run


@pytest.mark.parametrize("num_files", [0, 1])
def test_a_checkpoint_is_that_of_the_attempt_that_finished_it(
    job: FineTuningJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, num_files: int
) -> None:
    work = Training()
    first = FakeTrainer(newest(job).run).start().step(4).checkpoint(4)
    work.record(first.run, first.events)
    with monkeypatch.context() as patched:
        dying(patched, after=num_files)
        with pytest.raises(KeyboardInterrupt):
            work.attend(first.run, first.directory)
    assert job.checkpoints.get().published_at is None
    run = lost(first, job)
    again = FakeTrainer(run).start().step(4).checkpoint(4)
    folder = again.directory.checkpoint(4)
    (folder / MANIFEST).unlink()
    (folder / "progress.json").write_text('{"step": 4, "of": "the second"}')
    (folder / "more.json").write_text("{}")
    write_manifest(folder)
    work.record(run, again.events)
    work.attend(run, again.directory)
    checkpoint = job.checkpoints.get()
    assert checkpoint.published_at is not None
    artifacts.fetch_folder(checkpoint.storage_name, tmp_path / "here")
    assert {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


@pytest.mark.parametrize("num_files", [0, 1, 2, 3])
def test_a_result_is_that_of_the_attempt_that_finished_it(
    job: FineTuningJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, num_files: int
) -> None:
    """The files of the first one differ, and it had one more."""
    work = Training()
    first = FakeTrainer(newest(job).run).start().step(10).succeed()
    (first.directory.adapter / "adapter_model.safetensors").write_bytes(b"WEIGHTS")
    (first.directory.adapter / "a_file_more.json").write_text("{}")
    work.record(first.run, first.events)
    attempt = newest(job)
    directory = end(first.run, "succeeded").directory
    with monkeypatch.context() as patched:
        dying(patched, after=num_files)
        with pytest.raises(KeyboardInterrupt):
            concluding.conclude(attempt, directory, "succeeded")
    name = concluding.storage_name_of(job)
    assert artifacts.files_below(name)
    assert not artifacts.folder_exists(name)
    run = lost(first, job)
    second = FakeTrainer(run).start().step(10).succeed()
    work.record(run, second.events)
    concluding.conclude(newest(job), end(run, "succeeded").directory, "succeeded")
    job.refresh_from_db()
    assert job.status == "succeeded"
    artifacts.fetch_folder(name, tmp_path / "here")
    assert not (tmp_path / "here" / "a_file_more.json").exists()
    assert (tmp_path / "here" / "adapter_model.safetensors").read_bytes() == b"weights"
    assert job.adapter.sha256 == sha256_of_file(tmp_path / "here" / MANIFEST)
