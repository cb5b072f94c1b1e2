"""The console's JavaScript: its units, how pages load it, and the names under which a platform serves it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from playwright._impl._driver import compute_driver_executable

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "static"
OURS = STATIC / "luthier"
IMPORT = re.compile(r'^import .* from "(.+)";$', re.MULTILINE)
BEFORE_THE_FIRST_PAINT = {"theme.js"}


def test_units() -> None:
    """Node comes with Playwright's wheel, so nothing has to be installed for it."""
    node, _ = compute_driver_executable()
    files = sorted(Path(__file__).parent.glob("*.test.mjs"))
    command = [node, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files) > 1
    assert int(re.search(r"^ℹ pass (\d+)$", done.stdout, re.MULTILINE)[1]) >= len(files)


def scripts() -> dict[str, list[tuple[str, str]]]:
    """Return the scripts of each template in order: (name, the rest of its tag)."""
    tag = re.compile(r"<script\s+nonce=\"\{\{ csp_nonce \}\}\"\s+src=\"\{% static '([^']+)' %\}\"\s*([^>]*)>")
    texts = {str(path): path.read_text() for path in ROOT.glob("templates/**/*.html")}
    found = {path: tag.findall(text) for path, text in texts.items()}
    for path, tags in found.items():
        assert texts[path].count("<script") == len(tags), f"{path} has a script without a nonce or a name"
    return {path: tags for path, tags in found.items() if tags}


def test_pages_load_our_scripts_as_modules_and_libraries_before_them() -> None:
    """Deferred scripts and modules run in the order of the page."""
    loaded = set()
    for template, tags in scripts().items():
        ours = [(name.removeprefix("luthier/"), rest) for name, rest in tags if name.startswith("luthier/")]
        loaded |= {name for name, _ in ours}
        for name, rest in ours:
            assert rest.strip() == ("" if name in BEFORE_THE_FIRST_PAINT else 'type="module"'), (template, name)
        libraries = [index for index, (name, _) in enumerate(tags) if name.startswith("vendor/")]
        assert all(tags[index][1].strip() == "defer" for index in libraries)
        modules = [index for index, (_, rest) in enumerate(tags) if "module" in rest]
        assert not libraries or max(libraries) < min(modules), template
    assert loaded == {path.name for path in OURS.glob("*.js") if path.name not in imported_from(OURS)}


def imported_from(folder: Path) -> set[str]:
    return {Path(name).name for path in folder.rglob("*.js") for name in IMPORT.findall(path.read_text())}


@pytest.fixture
def collect(settings: Any, tmp_path: Path) -> Callable[[Path], Callable[[str], str]]:
    """Collect static files as a starting platform does; return what gives a file's public name."""
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]

    def collected(source: Path) -> Callable[[str], str]:
        settings.STATICFILES_DIRS = [source]
        settings.STATIC_ROOT = tmp_path / f"collected-{source.name}"
        settings.STORAGES = dict(settings.STORAGES)  # makes Django forget the storage of the last place
        call_command("collectstatic", verbosity=0, interactive=False)
        return staticfiles_storage.stored_name

    return collected


def test_modules_import_one_another_by_the_names_that_change_with_their_content(
    collect: Any, settings: Any, tmp_path: Path
) -> None:
    named = collect(STATIC)
    modules = {path.relative_to(STATIC).as_posix() for path in OURS.rglob("*.js")}
    imports = 0
    for module in modules:
        served = Path(settings.STATIC_ROOT) / named(module)
        for name in IMPORT.findall(served.read_text()):
            imports += 1
            assert re.search(r"\.[0-9a-f]{12}\.js$", name), (module, name)
            assert (served.parent / name).is_file(), (module, name)
    assert imports == sum(len(IMPORT.findall(path.read_text())) for path in OURS.rglob("*.js")) > 10

    before = {module: named(module) for module in modules}
    changed = shutil.copytree(STATIC, tmp_path / "changed")
    with (changed / "luthier" / "upload" / "answers.js").open("a") as stream:
        stream.write("// Another answer.\n")
    named = collect(changed)
    renamed = {module.removeprefix("luthier/") for module in modules if named(module) != before[module]}
    users = {"upload.js", *(f"upload/{name}.js" for name in ("answers", "board", "line", "parts", "unfinished"))}
    assert renamed == users, "whatever imports it, by way of others too"


def test_what_is_not_there_cannot_be_imported(collect: Any, tmp_path: Path) -> None:
    broken = shutil.copytree(OURS, tmp_path / "broken" / "luthier").parent
    (broken / "luthier" / "upload" / "answers.js").unlink()
    with pytest.raises(Exception, match=r"luthier/upload/answers\.js"):
        collect(broken)
