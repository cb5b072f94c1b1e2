"""For whom the demo works: the login that it prints must find what it made."""

from pathlib import Path

import pytest

from accounts.services import DEFAULT_TEAM
from demo.serving import first_login, whose


def test_works_for_the_login_that_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_HOME", str(tmp_path))
    (tmp_path / "first_login.txt").write_text("admin@luthier.local a-b_c\n")
    assert whose() == ("admin@luthier.local", DEFAULT_TEAM)
    assert first_login() == "admin@luthier.local, password a-b_c"


def test_has_a_team_of_its_own_where_nobody_was_told_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_HOME", str(tmp_path))
    assert whose() == ("demo@luthier.local", "Demo")
    assert "changepassword" in first_login()
