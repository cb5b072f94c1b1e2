"""Backups: proven byte by byte, restored into what is empty alone."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from accounts.services import create_api_key
from common.errors import UserError
from console import backup, database_copy
from tests.journeys.harness import RunningPlatform

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.LUTHIER_HOME = tmp_path / "home"
    kept = {alias: FileSystemStorage(tmp_path / "home" / "storage" / alias) for alias in backup.STORAGES}
    monkeypatch.setattr(backup, "storages", kept)
    kept["datasets"].save("a/b.jsonl", ContentFile(b"{}\n"))
    kept["artifacts"].save("弦/model.bin", ContentFile(bytes(100_000)))
    return tmp_path / "home"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    create_api_key(email="boss@example.com", team_name="Violins\t\\N\n弦")
    backup.back_up(tmp_path / "file")
    return tmp_path / "file"


def entries(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def rewritten(path: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, text in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return path


def refused(path: Path, tmp_path: Path) -> str:
    with pytest.raises(UserError) as error:
        backup._unpacked(path, tmp_path / "unpacked")
    return error.value.code


def test_has_every_object_and_table_with_its_checksum(made: Path) -> None:
    found = entries(made)
    manifest = json.loads(found["manifest.json"])
    assert found["storage/datasets/a/b.jsonl"] == b"{}\n"
    assert [part["bytes"] for part in manifest["objects"]["artifacts"]] == [100_000]
    assert b"boss@example.com" in found["database/accounts_user"]
    assert set(manifest["tables"]) >= {"accounts_auditevent", "ledger_entry", "compute_run"}
    assert made.stat().st_mode & 0o077 == 0


def test_says_nothing_twice_to_one_file(made: Path) -> None:
    with pytest.raises(UserError, match="is there already"):
        backup.back_up(made)


def test_leaves_the_draft_of_another_backup_alone(tmp_path: Path) -> None:
    draft = tmp_path / ".file.part"
    draft.write_bytes(b"half")
    with pytest.raises(UserError, match="another backup writes it"):
        backup.back_up(tmp_path / "file")
    assert draft.read_bytes() == b"half"


def test_says_that_its_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no folder .*/nowhere to write file into"):
        call_command("backup", str(tmp_path / "nowhere" / "file"))


@pytest.mark.parametrize("name", ["storage/datasets/a/b.jsonl", "database/accounts_user"])
def test_one_byte_that_is_another_is_found(made: Path, tmp_path: Path, name: str) -> None:
    content = entries(made)
    content[name] = content[name][:-1] + b"?"
    assert refused(rewritten(made, content), tmp_path) == "backup_damaged"


@pytest.mark.parametrize("how", ["cut", "lacks", "more", "outside", "nothing"])
def test_what_is_no_whole_backup_is_refused(made: Path, tmp_path: Path, how: str) -> None:
    content = entries(made)
    if how == "cut":
        made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    elif how == "nothing":
        made.write_bytes(b"")
    else:
        if how == "lacks":
            del content["storage/datasets/a/b.jsonl"]
        else:
            content["../evil" if how == "outside" else "storage/datasets/evil"] = b"x"
        rewritten(made, content)
    assert refused(made, tmp_path) == "backup_damaged"
    assert not (tmp_path / "evil").exists()


def test_comes_into_an_empty_database_alone(made: Path) -> None:
    with pytest.raises(UserError) as error:
        backup.restore(made)
    assert error.value.code == "database_not_empty"


def test_comes_into_an_empty_home_alone(made: Path) -> None:
    with pytest.raises(CommandError, match="is not empty"):
        call_command("restore", str(made))


def test_of_a_newer_version_is_refused_by_name(made: Path) -> None:
    applied = json.loads(entries(made)["manifest.json"])["migrations"]
    assert database_copy.unknown_migrations(applied) == []
    assert database_copy.unknown_migrations([["accounts", "9999_later"]]) == ["accounts.9999_later"]


def test_a_bucket_must_have_what_the_backup_names(made: Path) -> None:
    manifest = json.loads(entries(made)["manifest.json"])
    backup._require_bucket(manifest)
    backup.storages["datasets"].delete("a/b.jsonl")
    with pytest.raises(UserError, match="The bucket lacks"):
        backup._require_bucket(manifest)


def test_there_and_back(made: Path, tmp_path: Path) -> None:
    """In a home of its own, by commands; whoever is made afterwards gets the next number."""
    other = RunningPlatform(tmp_path / "other")
    assert "proven by its SHA-256" in other.manage("restore", str(made))
    second = tmp_path / "second"
    other.manage("backup", str(second))
    before, after = entries(made), entries(second)
    for name in ("accounts_user", "accounts_team", "accounts_membership", "accounts_apikey", "accounts_auditevent"):
        assert after[f"database/{name}"] == before[f"database/{name}"], name
    assert after["storage/artifacts/弦/model.bin"] == before["storage/artifacts/弦/model.bin"]


@pytest.fixture
def empty_database(made: Path) -> Iterator[None]:
    """Another database on the same server, without a table."""
    ours = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{ours}_empty"')
    connection.close()
    connection.settings_dict["NAME"] = f"{ours}_empty"
    yield
    connection.close()
    connection.settings_dict["NAME"] = ours
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{ours}_empty"')


@pytest.mark.usefixtures("empty_database")
def test_one_that_breaks_off_half_way_leaves_no_table(made: Path) -> None:
    found = entries(made)
    manifest = json.loads(found["manifest.json"])
    opened: list[str] = []

    def breaks(table: str) -> io.BytesIO:
        if len(opened) == len(manifest["tables"]) // 2:
            raise OSError("The disk is gone.")
        opened.append(table)
        return io.BytesIO(found[f"database/{table}"])

    with pytest.raises(OSError, match="The disk is gone"):
        database_copy.restore(manifest["migrations"], manifest["tables"], breaks)
    assert "accounts_user" in opened
    assert database_copy.is_empty()
    database_copy.restore(manifest["migrations"], manifest["tables"], lambda t: io.BytesIO(found[f"database/{t}"]))
    assert User.objects.get().email == "boss@example.com"


def test_a_refused_restore_leaves_an_empty_home(made: Path, tmp_path: Path) -> None:
    content = entries(made)
    content["database/accounts_user"] += b"?"
    rewritten(made, content)
    other = RunningPlatform(tmp_path / "other")
    command = [sys.executable, "manage.py", "restore", str(made)]
    done = subprocess.run(command, env=other.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "is damaged or no backup" in done.stderr
    assert {path.name for path in other.home.iterdir()} <= backup.MADE_BY_ITSELF
