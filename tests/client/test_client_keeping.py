"""Where the address and the key are kept."""

import stat
from pathlib import Path

import pytest

from luthier import keeping
from luthier.errors import LuthierError
from luthier.keeping import Login, find_login, keep_login

KEPT = Login("https://luthier.example.com", "sk-luthier-kept")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in (keeping.URL, keeping.KEY):
        monkeypatch.delenv(name, raising=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_may_read_the_key() -> None:
    path = keep_login(KEPT)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["login.json"]
    path.chmod(0o644)
    assert find_login() == KEPT
    assert mode(path) == 0o600


def test_the_environment_goes_before_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_login(KEPT)
    monkeypatch.setenv("LUTHIER_API_KEY", "sk-luthier-other")
    monkeypatch.setenv("LUTHIER_URL", "http://127.0.0.1:9000")
    assert find_login() == Login("http://127.0.0.1:9000", "sk-luthier-other")


def test_a_kept_key_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_login(KEPT)
    for url in ("https://elsewhere.example.com", "http://luthier.example.com"):
        with pytest.raises(LuthierError, match="no API key") as refused:
            find_login(url=url)
        assert refused.value.exit_code == 3
    monkeypatch.setenv("LUTHIER_URL", "https://elsewhere.example.com")
    with pytest.raises(LuthierError, match="elsewhere"):
        find_login()


def test_what_is_damaged_is_said() -> None:
    keep_login(KEPT).write_text("{")
    with pytest.raises(LuthierError, match="is damaged"):
        find_login()


def test_forgetting_leaves_nothing() -> None:
    path = keep_login(KEPT)
    assert keeping.forget_login()
    assert not path.exists()
    assert not keeping.forget_login()
