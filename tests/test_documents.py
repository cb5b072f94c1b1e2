"""What documents say of the code is there: each file that they name, and each name that they say is in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    "README.md",
    "README.zh.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/README.md",
    "docs/architecture.md",
    "docs/machines.md",
    "trainer/README.md",
    "serving/README.md",
)
SUFFIXES = {".py", ".html", ".js", ".mjs", ".yml", ".toml"}
FILES = [
    path.relative_to(ROOT).as_posix()
    for top in ROOT.iterdir()
    if top.name not in (".venv", "var", "build", ".git")
    for path in (top.rglob("*") if top.is_dir() else [top])
    if path.suffix in SUFFIXES
]
NAME, FILE = r"`([A-Za-z_]\w*(?:\.\w+)?)`", r"`([\w/]+\.py)`"
SAID = (rf"{NAME}(?: and `\w+`)? (?:in|of) {FILE}", rf"{NAME} \({FILE}", rf"(?P<file>{FILE}) \({NAME}")


def files(named: str) -> list[str]:
    """Return what a document may mean by `named`: it leaves out folders that the reader knows, such as platform/."""
    return [path for path in FILES if path == named or path.endswith(f"/{named}")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_file_that_is_named_is_there(document: str) -> None:
    named = re.findall(r"(?<![\w./])\w[\w/.-]*\.(?:py|html|js|mjs|yml|toml)\b", (ROOT / document).read_text())
    assert [name for name in dict.fromkeys(named) if not files(name)] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md", "docs/machines.md"])
def test_each_name_stands_in_the_file_that_is_said(document: str) -> None:
    text = (ROOT / document).read_text()
    said = [(found[0], found[1]) for pattern in SAID[:2] for found in re.findall(pattern, text)]
    said += [(found[2], found[1]) for found in re.findall(SAID[2], text)]
    assert len(said) > 2
    assert [(name, file) for name, file in said if not any(_has(path, name) for path in files(file))] == []


def _has(path: str, name: str) -> bool:
    return re.search(rf"\b{name.rpartition('.')[2]}\b", (ROOT / path).read_text()) is not None
