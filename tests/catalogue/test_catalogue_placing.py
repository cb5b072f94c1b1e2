"""Two machines with a home each: what one has fetched or registered, the other brings by itself, verified."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import FileSystemStorage

from catalogue import placing, room, services, tasks
from catalogue.models import BaseModel
from catalogue.placing import StorageAway, chat_folder, is_published, publish, storage_name
from catalogue.progress import Progress
from common import artifacts
from common.errors import UserError
from tests.catalogue.conftest import FakeHub

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Go to another machine, whose home has this name."""

    own = "storage/artifacts"
    monkeypatch.setattr(artifacts, "storage", lambda: FileSystemStorage(Path(settings.LUTHIER_HOME) / own))

    def go(name: str) -> Path:
        monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / name)
        return tmp_path / name

    go("first")
    return go


@pytest.fixture
def shared(at: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSystemStorage:
    """Object storage that both machines see."""
    store = FileSystemStorage(tmp_path / "shared")
    monkeypatch.setattr(artifacts, "storage", lambda: store)
    return store


@pytest.fixture
def registered(at: object, shared: FileSystemStorage, model_folder: Path, tmp_path: Path) -> BaseModel:
    """A model that was registered on the first machine, whose folder the second one does not have."""
    base = services.register_folder(path=model_folder, model_id="my-model", by=None)
    model_folder.rename(tmp_path / "on-the-first")
    return base


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")


class TestBring:
    def test_a_registered_folder_comes_by_object_storage(
        self, registered: BaseModel, at: Callable[[str], Path]
    ) -> None:
        home = at("second")
        told: list[tuple[int, int]] = []
        services.fetch_model(base=registered, progress=Progress(report=lambda *counts: told.append(counts)))
        assert registered.path == home / "models" / "my-model"
        assert names(registered.path) == ["config.json", "model.safetensors", "tokenizer.json"]
        services.prove(registered)
        assert told[0][0] == 0
        assert told[-1][0] == told[-1][1] > 500_000
        assert BaseModel.objects.get().state == "present", "the row tells of the whole platform"

    def test_only_what_a_model_needs_is_published(
        self, at: object, shared: FileSystemStorage, model_folder: Path
    ) -> None:
        (model_folder / "optimizer.bin").write_bytes(b"never")
        base = services.register_folder(path=model_folder, model_id="my-model", by=None)
        found = sorted(shared.listdir(storage_name(base))[1])
        assert found == ["config.json", "manifest.json", "model.safetensors", "tokenizer.json"]
        assert not (model_folder / "manifest.json").exists(), "a registered folder stays as it is"

    def test_damaged_weights_are_not_published(self, at: object, model_folder: Path, shared: FileSystemStorage) -> None:
        base = services.register_folder(path=model_folder, model_id="my-model", by=None)
        artifacts.delete_folder(storage_name(base))
        (model_folder / "model.safetensors").write_bytes(b"others")
        with pytest.raises(UserError, match="are damaged"):
            publish(base)
        assert not is_published(base)

    def test_damage_in_storage_is_refused(
        self, registered: BaseModel, shared: FileSystemStorage, at: Callable[[str], Path]
    ) -> None:
        with Path(shared.path(f"{storage_name(registered)}/model.safetensors")).open("r+b") as stream:
            stream.seek(200_000)
            stream.write(b"\xff" * 4096)
        at("second")
        with pytest.raises(UserError, match="is not the one that was published"):
            services.fetch_model(base=registered)
        assert not registered.path.exists()

    def test_a_broken_off_copy_goes_on(
        self, registered: BaseModel, at: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at("second")
        copied: list[str] = []
        copy = placing._copy

        def copy_or_break(name: str, path: Path, progress: Progress) -> None:
            copied.append(path.name)
            if len(copied) == 2:
                raise ConnectionError("The storage is away.")
            copy(name, path, progress)

        monkeypatch.setattr(placing, "_copy", copy_or_break)
        with pytest.raises(StorageAway, match="Object storage did not give my-model"):
            services.fetch_model(base=registered)
        services.fetch_model(base=registered)
        assert len(copied) == 4, "three files, one of them twice"
        services.prove(registered)

    def test_a_disk_without_room_is_told_before_a_byte_comes(
        self, registered: BaseModel, at: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at("second")
        monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
        monkeypatch.setattr(placing, "_copy", lambda *arguments: pytest.fail("Bytes were copied."))
        with pytest.raises(UserError) as caught:
            services.fetch_model(base=registered)
        assert caught.value.code == "disk_too_small"

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
            (ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"), "storage_refused"),
            (ConnectionError("Nobody answers."), "storage_away"),
        ],
    )
    def test_what_waiting_does_not_mend_is_no_reason_to_wait(
        self, registered: BaseModel, at: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch,
        error: Exception, code: str,
    ) -> None:  # fmt: skip
        at("second")

        def fail(*arguments: object) -> None:
            raise error

        monkeypatch.setattr(placing, "_copy", fail)
        with pytest.raises(UserError) as caught:
            services.fetch_model(base=registered)
        assert caught.value.code == code
        assert isinstance(caught.value, StorageAway) is (code == "storage_away")

    def test_the_hub_gives_it_where_no_storage_is_shared(self, at: Callable[[str], Path], hub: FakeHub) -> None:
        base = _from_hub()
        first = base.path
        at("second")
        services.fetch_model(base=base)
        assert base.path != first
        assert names(base.path) == names(first)

    def test_a_hub_that_has_other_weights_now_is_refused(self, at: Callable[[str], Path], hub: FakeHub) -> None:
        base = _from_hub()
        at("second")
        hub.files["model.safetensors"] = hub.files["model.safetensors"][:-2] + b"\1\1"
        with pytest.raises(UserError, match="now give other weights") as caught:
            services.fetch_model(base=base)
        assert caught.value.code == "other_weights"
        assert not base.path.exists()
        assert BaseModel.objects.get().sha256 == base.sha256

    def test_a_fetched_model_is_published_at_once(self, at: object, shared: FileSystemStorage, hub: FakeHub) -> None:
        assert is_published(_from_hub())

    def test_storage_in_the_home_gets_no_second_copy(self, at: Callable[[str], Path], model_folder: Path) -> None:
        home = at("first")
        services.register_folder(path=model_folder, model_id="my-model", by=None)
        assert not (home / "storage").exists()

    def test_what_nobody_has_is_said_in_a_sentence(
        self, registered: BaseModel, shared: FileSystemStorage, at: Callable[[str], Path]
    ) -> None:
        artifacts.delete_folder(storage_name(registered))
        at("second")
        with pytest.raises(UserError, match=r"are on another machine.*LUTHIER_S3_BUCKET") as caught:
            services.fetch_model(base=registered)
        assert caught.value.code == "model_not_here"


class TestCare:
    def test_publishes_what_storage_lacks(self, at: object, shared: FileSystemStorage, model_folder: Path) -> None:
        base = services.register_folder(path=model_folder, model_id="my-model", by=None)
        artifacts.delete_folder(storage_name(base))
        tasks.care_for_models()
        assert is_published(base)


class TestChatFolder:
    def test_a_machine_without_weights_has_the_small_files_alone(
        self, registered: BaseModel, at: Callable[[str], Path]
    ) -> None:
        at("web")
        folder = chat_folder(registered)
        assert names(folder) == ["config.json", "tokenizer.json"]
        shutil.rmtree(settings.LUTHIER_HOME.parent / "shared")
        assert chat_folder(registered) == folder, "once is enough"


def _from_hub() -> BaseModel:
    base = BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=1, context_length=64, hidden_size=8, num_layers=2,
        vocab_size=32, licence="none", template="own",
        sources=[{"kind": "huggingface", "repo": "owner/tiny", "revision": "main"}],
    )  # fmt: skip
    return services.fetch_model(base=base)
