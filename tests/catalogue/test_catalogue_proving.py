"""A base's weights are proven by their SHA-256, remembered while nothing changes, and read again when it might have."""

import os
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command

from catalogue import proving, services, tasks
from catalogue.models import BaseModel
from catalogue.proving import DamagedModel, prove
from common import artifacts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "home")
    monkeypatch.setattr(artifacts, "storage", lambda: FileSystemStorage(tmp_path / "home" / "storage"))
    return tmp_path / "home"


@pytest.fixture
def base(model_folder: Path) -> BaseModel:
    return services.register_folder(path=model_folder, model_id="my-model", by=None)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose weights were read whole."""
    found: list[Path] = []
    identity = proving.identity
    monkeypatch.setattr(proving, "identity", lambda folder: found.append(folder) or identity(folder))
    return found


def flip(path: Path, *, at: int = 200_000) -> None:
    """Change four kilobytes in place."""
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(b"\xff" * 4096)


class TestProve:
    def test_whole_weights_are_read_once(self, base: BaseModel, readings: list[Path]) -> None:
        prove(base)
        prove(base)
        assert readings == [base.path]

    def test_flipped_bytes_are_found_though_size_and_mtime_are_kept(self, base: BaseModel) -> None:
        prove(base)
        weights = base.path / "model.safetensors"
        before = weights.stat()
        flip(weights)
        os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(DamagedModel, match=r"The weights of my-model on the node .* are damaged.*verify_models"):
            prove(base)
        with pytest.raises(DamagedModel):
            prove(base)

    def test_a_message_names_no_path_of_the_server(self, base: BaseModel) -> None:
        flip(base.path / "model.safetensors")
        with pytest.raises(DamagedModel) as caught:
            prove(base)
        assert str(base.path) not in str(caught.value.message)

    def test_missing_weights_are_damaged_weights(self, base: BaseModel) -> None:
        (base.path / "model.safetensors").unlink()
        with pytest.raises(DamagedModel):
            prove(base)

    @pytest.mark.parametrize("hours", [0, 24])
    def test_an_old_proof_is_no_longer_trusted(
        self, base: BaseModel, readings: list[Path], monkeypatch: pytest.MonkeyPatch, hours: int
    ) -> None:
        monkeypatch.setattr(settings, "PROOF_HOURS", hours)
        prove(base)
        now = proving.time.time()
        monkeypatch.setattr(proving.time, "time", lambda: now + hours * 3600)
        prove(base)
        assert len(readings) == 2

    def test_a_header_that_does_not_parse_is_reason_to_read_again(
        self, base: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prove(base)
        flip(base.path / "model.safetensors", at=0)
        stamps = proving._stamps(base.path)
        proving._remember(base, stamps)  # as if the disk itself had changed, without any of the file's times
        with pytest.raises(DamagedModel):
            prove(base)


class TestSchedule:
    def test_the_periodic_care_reads_again_and_tells_the_log(
        self, base: BaseModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(settings, "PROOF_HOURS", 0)
        tasks.care_for_models()
        assert "damaged" not in caplog.text
        flip(base.path / "model.safetensors")
        tasks.care_for_models()
        assert "The weights of my-model" in caplog.text


class TestVerifyModels:
    def test_one_line_for_each_model(self, base: BaseModel) -> None:
        out = StringIO()
        call_command("verify_models", stdout=out)
        assert out.getvalue() == f"my-model: proven (SHA-256 {base.sha256})\n"

    def test_reads_anew_and_fails_on_a_mismatch(self, base: BaseModel) -> None:
        prove(base)
        flip(base.path / "model.safetensors")
        proving._remember(base, proving._stamps(base.path))
        out = StringIO()
        with pytest.raises(CommandError, match=r"Damaged: my-model\."):
            call_command("verify_models", stdout=out)
        assert out.getvalue().startswith(f"my-model: DAMAGED in {base.path}: ")


class TestFetchAgain:
    def test_a_registered_folder_is_left_alone(self, base: BaseModel) -> None:
        with pytest.raises(CommandError, match="was registered from a folder"):
            call_command("fetch_model", "my-model", "--again")
        assert base.path.is_dir()
