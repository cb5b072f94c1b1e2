"""The house's own rules that no linter knows."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _sources() -> list[Path]:
    ours = [path for top in ROOT.iterdir() if top.name not in (".venv", "var", "build") for path in top.rglob("*.py")]
    return [*ROOT.glob("*.py"), *ours]


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
    source = "".join(path.read_text() for top in ("platform", "client") for path in (ROOT / top).rglob("*.py"))
    for readme in ("README.md", "README.zh.md"):
        for name in set(re.findall(r"`(LUTHIER_[A-Z0-9_]+)`", (ROOT / readme).read_text())):
            assert name in source, name


def test_every_variable_that_is_read_is_told() -> None:
    """Those of an installation in both READMEs, those of tests and development in CONTRIBUTING."""
    nodes = (node for path in _sources() for node in ast.walk(ast.parse(path.read_text())))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    read = {text for text in texts if re.fullmatch(r"LUTHIER_[A-Z0-9_]*[A-Z0-9]", text)}
    english, chinese = (_variables(ROOT / name) for name in ("README.md", "README.zh.md"))
    assert english == chinese
    assert read - english == _variables(ROOT / "CONTRIBUTING.md") - english


def _variables(document: Path) -> set[str]:
    """Return the variables that a table names; `_ENDPOINT` after `LUTHIER_S3_BUCKET` is short for another."""
    found: list[str] = []
    for line in document.read_text().splitlines():
        names = re.findall(r"`(LUTHIER_[A-Z0-9_]+|_[A-Z_]+)`", line.split("|")[1]) if line.startswith("| `") else []
        found += [name if name[0] != "_" else "_".join(names[0].split("_")[:2]) + name for name in names]
    return set(found)


def test_no_possessive_repeat_holds_what_can_backtrack() -> None:
    """CPython before 3.11.5, such as Debian 12's own, then misses what matches (its issue 106052)."""
    patterns = [pattern for path in _sources() for pattern in _patterns(path)]
    re.compile(r"(?:ab|c)*+")
    assert [pattern for pattern in patterns if _is_fragile(_parsed(pattern), False)] == [r"(?:ab|c)*+"]


def _patterns(path: Path) -> list[str | bytes]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    found = [call.args[0] for call in calls if ast.unparse(call.func).startswith("re.")]
    return [node.value for node in found if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)]


def _parsed(pattern: str | bytes) -> Any:
    return re._parser.parse(pattern)  # type: ignore[attr-defined]


def _is_fragile(part: Any, is_possessive: bool) -> bool:
    """Whether something that can be matched in two ways stands inside a possessive repeat."""
    if isinstance(part, list | tuple | re._parser.SubPattern):  # type: ignore[attr-defined]
        parts = list(part)
        name = str(parts[0]) if parts else ""
        if is_possessive and name in ("BRANCH", "MAX_REPEAT", "MIN_REPEAT"):
            return True
        is_possessive = is_possessive or name == "POSSESSIVE_REPEAT"
        return any(_is_fragile(inner, is_possessive) for inner in parts)
    return False


@pytest.mark.parametrize("app", ["datasets_app", "jobs", "deployments", "platform/compute"])
def test_an_app_with_rooms_has_at_most_14_modules_outside_them(app: str) -> None:
    flat = [path.name for path in (ROOT / app).glob("*.py")]
    assert "services.py" in flat
    assert len(flat) <= 14, flat


def test_no_file_has_more_than_400_lines() -> None:
    written = {"migrations", "generated"}
    lengths = {path: len(path.read_text().splitlines()) for path in _sources() if not written & set(path.parts)}
    assert len(lengths) > 300
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_documents_name_only_modules_that_exist() -> None:
    for document in ("CONTRIBUTING.md", "docs/architecture.md"):
        named = set(re.findall(r"[a-z_]+(?:/[a-z_]+)+\.py", (ROOT / document).read_text()))
        assert named
        for name in named:
            assert any((folder / name).exists() for folder in (ROOT, ROOT / "platform", ROOT / "datasets_app")), name
