"""The house's own rules that no linter knows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_platform_has_no_init_so_that_the_standard_librarys_wins() -> None:
    import platform

    assert not (ROOT / "platform" / "__init__.py").exists()
    assert platform.python_version()


def test_no_tests_package_hides_an_app() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_each_folder_of_tests_is_named_after_what_it_tests() -> None:
    rooms = {path.name for parent in (ROOT, ROOT / "platform") for path in parent.iterdir() if path.is_dir()}
    folders = {path.parent.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    assert folders - rooms == {"journeys"}, "journeys alone go through the whole house"
    assert {"accounts", "chat", "trainer"} <= folders


def test_the_branches_of_every_package_are_counted() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    packages = told["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(told["coverage"]["run"]["source"]) == {package.partition("/")[0] for package in packages}


def test_every_variable_of_compose_is_one_that_the_settings_read() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    named = set(re.findall(r"^\s+((?:LUTHIER_[A-Z0-9_]+|DATABASE_URL|BROKER_URL)):", compose, re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "platform" / "console").rglob("*.py"))
    assert named
    for name in named - {"LUTHIER_HOME"}:
        assert f'"{name}"' in source, name


def test_readmes_name_only_variables_that_exist() -> None:
    source = "".join(path.read_text() for path in (ROOT / "platform").rglob("*.py"))
    for readme in ("README.md", "README.zh.md"):
        for name in set(re.findall(r"`(LUTHIER_[A-Z0-9_]+)`", (ROOT / readme).read_text())):
            assert name in source, name


def test_data_sets_have_at_most_14_modules_outside_their_rooms() -> None:
    flat = [path.name for path in (ROOT / "datasets_app").glob("*.py")]
    assert "models.py" in flat
    assert len(flat) <= 14, flat


def test_no_file_has_more_than_400_lines() -> None:
    ours = [path for top in ROOT.iterdir() if top.name not in (".venv", "var", "build") for path in top.rglob("*.py")]
    lengths = {
        path: len(path.read_text().splitlines())
        for path in [*ROOT.glob("*.py"), *ours]
        if "migrations" not in path.parts
    }
    assert len(lengths) > 300
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_documents_name_only_modules_that_exist() -> None:
    for document in ("CONTRIBUTING.md", "docs/architecture.md"):
        named = set(re.findall(r"[a-z_]+(?:/[a-z_]+)+\.py", (ROOT / document).read_text()))
        assert named
        for name in named:
            assert any((folder / name).exists() for folder in (ROOT, ROOT / "platform", ROOT / "datasets_app")), name
