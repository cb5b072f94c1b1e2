"""`python tools/house.py COMMIT …`: measures the code at each commit, as a table of Markdown.

Standard library only, so that it measures what no longer installs. Migrations and benchmarks do not count.
"""

import ast
import io
import re
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LONG_FILE = 400
"""Lines that a file may have."""
APP = "datasets_app"
TOURS = ("upload → rows", "job → first step", "question → answer")


def main(commits: list[str]) -> None:
    """Print a row for each measure and a column for each commit."""
    columns = [measures(files_at(commit)) for commit in commits or ["HEAD"]]
    print("| measure |", " | ".join(commits or ["HEAD"]), "|")
    print("|---" * (len(columns) + 1) + "|")
    for name in columns[-1]:
        print(f"| {name} |", " | ".join(column.get(name, "–") for column in columns), "|")


def files_at(commit: str) -> dict[str, str]:
    """Return the text of each Python file and of docs/architecture.md."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        wanted = [m for m in archive if m.isfile() and (m.name.endswith(".py") or m.name == "docs/architecture.md")]
        return {m.name: _read(archive, m) for m in wanted}


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    stream = archive.extractfile(member)
    assert stream is not None
    return stream.read().decode()


def measures(files: dict[str, str]) -> dict[str, str]:
    """Return each measure's name and value."""
    counted = {path: text for path, text in files.items() if path.endswith(".py") and is_counted(path)}
    tests = {path: text for path, text in counted.items() if path.startswith("tests/") or path == "conftest.py"}
    code = {path: text for path, text in counted.items() if path not in tests}
    lengths = sorted(length for text in code.values() for length in function_lengths(text))
    app = {path: text for path, text in code.items() if path.startswith(f"{APP}/")}
    found = {
        "files: code, tests": f"{len(code)}, {len(tests)}",
        "lines: code, tests": f"{lines(code):,}, {lines(tests):,}",
        "median file of the code": f"{statistics.median(len(text.splitlines()) for text in code.values()):.0f} lines",
        f"files over {LONG_FILE} lines": str(sum(len(text.splitlines()) > LONG_FILE for text in counted.values())),
        "functions: median, longest": f"{statistics.median(lengths):.0f}, {lengths[-1]} lines",
        "functions over 40 lines": str(sum(length > 40 for length in lengths)),
        f"modules flat in {APP}": str(sum(path.count("/") == 1 and "__init__" not in path for path in app)),
        f"floors of {APP}": str(floors(app)),
        "`dict[str, Any]`": str(sum(text.count("dict[str, Any]") for text in code.values())),
    }
    for name, part in zip(TOURS, tours(files.get("docs/architecture.md", "")), strict=False):
        found[f"{name}: hops, modules"] = part
    return found


def is_counted(path: str) -> bool:
    return "migrations" not in PurePosixPath(path).parts and not path.startswith("benchmarks/")


def lines(files: dict[str, str]) -> int:
    return sum(len(text.splitlines()) for text in files.values())


def function_lengths(text: str) -> Iterator[int]:
    """Yield how many lines each function has, from `def` to its last one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def floors(files: dict[str, str]) -> int:
    """Return how many modules the longest chain of imports inside the app has; those in a circle share a floor."""
    graph = {module_of(path): path for path in files}
    imported = {module: {i for i in imports_of(files[path]) if i in graph} - {module} for module, path in graph.items()}
    reached = {module: _reach(module, imported) for module in imported}

    @cache
    def height(module: str) -> int:
        below = (b for b in reached[module] if module not in reached[b])
        return 1 + max((height(b) for b in below), default=0)

    return max((height(module) for module in imported), default=0)


def _reach(module: str, imported: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        new = imported[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(text: str) -> Iterator[str]:
    """Yield the modules that a file imports at its top; of a package's name also what may be a module of it."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tours(document: str) -> Iterator[str]:
    """Yield of each tour (once "Journey") that the document draws its numbered hops, and its modules."""
    for drawn in re.findall(r"^## (?:Journey|Tour) \d.*?```\n(.*?)```", document, re.DOTALL | re.MULTILINE):
        hops = re.findall(r"^ ?\d+ ", drawn, re.MULTILINE)
        modules = set(re.findall(r"[\w/]*\w\.py", drawn))
        yield f"{len(hops)}, {len(modules)}"


if __name__ == "__main__":
    main(sys.argv[1:])
