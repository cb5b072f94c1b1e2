"""Folders in object storage: whole and as they were written, whatever an earlier try has left there."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from common import artifacts
from rundir import ManifestError, verify_manifest, write_manifest

NAME = "adapters/one"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSystemStorage:
    storage = FileSystemStorage(tmp_path / "storage")
    monkeypatch.setattr(artifacts, "storage", lambda: storage)
    return storage


def folder_of(root: Path, **files: bytes) -> Path:
    root.mkdir()
    for name, content in files.items():
        (root / name).write_bytes(content)
    write_manifest(root)
    return root


def fetched(target: Path) -> dict[str, bytes]:
    artifacts.fetch_folder(NAME, target)
    return {path.name: path.read_bytes() for path in target.iterdir() if path.name != "manifest.json"}


def broken_off(monkeypatch: pytest.MonkeyPatch, folder: Path, *, after: int) -> None:
    """Publish `folder` from a node that dies after so many files."""
    publish, sent = artifacts.publish_file, []

    def dying(path: Path, name: str) -> None:
        if len(sent) == after:
            raise KeyboardInterrupt
        sent.append(name)
        publish(path, name)

    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "publish_file", dying)
        with pytest.raises(KeyboardInterrupt):
            artifacts.publish_folder(folder, NAME)


class TestPublishing:
    def test_other_bytes_of_the_same_size_are_replaced(
        self, stored: FileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken_off(monkeypatch, folder_of(tmp_path / "lost", a=b"old 1", b=b"old 2"), after=1)
        assert not artifacts.folder_exists(NAME)
        size = artifacts.publish_folder(folder_of(tmp_path / "next", a=b"new 1", b=b"new 2"), NAME)
        assert fetched(tmp_path / "here") == {"a": b"new 1", "b": b"new 2"}
        assert size == sum(path.stat().st_size for path in (tmp_path / "next").iterdir())

    def test_a_whole_folder_is_replaced_by_another_one(self, stored: FileSystemStorage, tmp_path: Path) -> None:
        artifacts.publish_folder(folder_of(tmp_path / "first", a=b"old 1", gone=b"x"), NAME)
        artifacts.publish_folder(folder_of(tmp_path / "second", a=b"new 1"), NAME)
        assert fetched(tmp_path / "here") == {"a": b"new 1"}
        assert sorted(artifacts.files_below(NAME)) == ["a", "manifest.json"]

    def test_a_mixture_is_never_whole(
        self, stored: FileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        artifacts.publish_folder(folder_of(tmp_path / "first", a=b"old 1", b=b"old 2"), NAME)
        broken_off(monkeypatch, folder_of(tmp_path / "second", a=b"new 1", b=b"new 2"), after=1)
        assert not artifacts.folder_exists(NAME)
        with pytest.raises(ManifestError):
            artifacts.fetch_folder(NAME, tmp_path / "here")

    def test_equal_bytes_are_not_sent_again(
        self, stored: FileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = folder_of(tmp_path / "one", a=b"1", b=b"2", c=b"3")
        broken_off(monkeypatch, folder, after=2)
        sent: list[str] = []
        save = stored.save
        monkeypatch.setattr(stored, "save", lambda name, content: sent.append(name) or save(name, content))
        artifacts.publish_folder(folder, NAME)
        artifacts.publish_folder(folder, NAME)
        assert sent == [f"{NAME}/c", f"{NAME}/manifest.json"]

    def test_two_who_write_one_name_are_noticed(
        self, stored: FileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = folder_of(tmp_path / "one", a=b"1")
        save = stored.save

        def late(name: str, content: Any) -> str:
            save(name, ContentFile(b"of another process"))
            return save(name, content)

        monkeypatch.setattr(stored, "save", late)
        with pytest.raises(OSError, match="another process"):
            artifacts.publish_folder(folder, NAME)
        assert artifacts.files_below(NAME) == ["a"]


class TestPart:
    """A folder of a folder, which the whole one's manifest vouches for."""

    @pytest.fixture
    def whole(self, stored: FileSystemStorage, tmp_path: Path) -> Path:
        folder = folder_of(tmp_path / "whole", state=b"large")
        (folder / "part").mkdir()
        (folder / "part" / "weights").write_bytes(b"small")
        write_manifest(folder)
        artifacts.publish_folder(folder, NAME)
        return folder

    def test_comes_alone_and_verified(self, whole: Path, tmp_path: Path) -> None:
        artifacts.fetch_folder(NAME, tmp_path / "target", part="part")
        assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["manifest.json", "weights"]
        verify_manifest(tmp_path / "target")

    def test_that_was_damaged_does_not(self, whole: Path, stored: FileSystemStorage, tmp_path: Path) -> None:
        Path(stored.path(f"{NAME}/part/weights")).write_bytes(b"other")
        with pytest.raises(ManifestError):
            artifacts.fetch_folder(NAME, tmp_path / "target", part="part")
        assert not (tmp_path / "target").exists()

    @pytest.mark.parametrize("name", [NAME, "adapters/gone"])
    def test_that_is_not_there_is_an_error_in_words(self, whole: Path, tmp_path: Path, name: str) -> None:
        with pytest.raises(ManifestError, match="missing from object storage"):
            artifacts.fetch_folder(name, tmp_path / "target", part="another")
