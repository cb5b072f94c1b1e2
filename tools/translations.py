"""Message catalogues without system gettext: extract, compile and check by Babel.

python tools/translations.py extract    bring locale/*/LC_MESSAGES/django.po up to date with the source
python tools/translations.py compile    write the .mo files
python tools/translations.py check      fail when a message lacks its translation, or one has other placeholders
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from babel.messages import mofile, pofile  # noqa: E402
from babel.messages.catalog import Catalog  # noqa: E402
from babel.messages.extract import extract  # noqa: E402

LOCALE = ROOT / "locale"
LANGUAGES = ("zh_Hans",)
"""Folders of `locale/`, one for each language but English of LANGUAGES in the settings."""
SOURCES = (
    "platform",
    "datasets_app",
    "jobs",
    "deployments",
    "batches",
    "evaluations",
    "playground",
    "chat",
    "scoring",
    "rundir",
    "layouts",
    "trainer",
    "serving",
    "evaluating",
)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "sentence": None,  # wording's own marks
    "plural": (1, 2),
}
_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL = re.compile(rf"(?<!\w)(?:_|n?p?gettext)\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*(?:\s*,\s*count)?")


def messages() -> Iterator[tuple[str, int, Any, Any]]:
    """Yield (file, line, message, context) of every translatable string."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from _extract(path, path.read_bytes())
    from django.conf import settings

    settings.configure(USE_I18N=True) if not settings.configured else None
    from django.utils.translation.template import templatize

    for path in sorted((ROOT / "templates").rglob("*.html")):
        # templatize() blanks the markup out for xgettext, but what is left is not Python: only its calls are kept.
        calls = CALL.findall(templatize(path.read_text(), origin=str(path)))
        yield from _extract(path, "\n".join(call + ")" for call in calls).encode())


def _extract(path: Path, source: bytes) -> Iterator[tuple[str, int, Any, Any]]:
    for line, message, _comments, context in extract(
        "python", io.BytesIO(source), KEYWORDS, options={"encoding": "utf-8"}
    ):
        yield path.relative_to(ROOT).as_posix(), line, message, context


def extracted() -> Catalog:
    catalogue = Catalog(project="Luthier", charset="utf-8")
    for file, _line, message, context in messages():
        flags = ["python-format"] if "%(" in str(message) else []
        catalogue.add(message, locations=[(file, 0)], context=context, flags=flags)
    return catalogue


def path_of(language: str, suffix: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"django.{suffix}"


def read(language: str) -> Catalog:
    path = path_of(language, "po")
    if not path.exists():
        return Catalog(locale=language, project="Luthier", charset="utf-8")
    with path.open("rb") as stream:
        return pofile.read_po(stream, locale=language)


def update() -> None:
    """Merge the source's messages into each catalogue; what is no longer used goes."""
    template = extracted()
    for language in LANGUAGES:
        catalogue = read(language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        path_of(language, "po").parent.mkdir(parents=True, exist_ok=True)
        with path_of(language, "po").open("wb") as stream:
            pofile.write_po(stream, catalogue, sort_by_file=True, ignore_obsolete=True, include_lineno=False, width=110)
        print(f"{language}: {len(missing(catalogue))} of {len(catalogue)} messages lack a translation")


def compile_all() -> None:
    for language in LANGUAGES:
        catalogue = read(language)
        if len(catalogue):
            with path_of(language, "mo").open("wb") as stream:
                mofile.write_mo(stream, catalogue)


def missing(catalogue: Catalog) -> list[str]:
    return [str(message.id) for message in catalogue if message.id and not _is_translated(message.string)]


def _is_translated(text: object) -> bool:
    return all(text) if isinstance(text, tuple) else bool(text)


def _string(catalogue: Catalog, message: object) -> object:
    found = catalogue.get(message.id, message.context)  # type: ignore[attr-defined]
    # A fuzzy one is left out of the compiled file.
    return found.string if found is not None and not found.fuzzy else ""


def check() -> None:
    """Exit with the messages of the source that a catalogue lacks, or whose translation has other placeholders."""
    template = extracted()
    for language in LANGUAGES:
        catalogue = read(language)
        lacking = [str(m.id) for m in template if m.id and not _is_translated(_string(catalogue, m))]
        if lacking:
            sys.exit(f"{language} lacks {len(lacking)} translations, among them: " + " | ".join(lacking[:10]))
        broken = [f"{message.id}: {errors[0]}" for message, errors in catalogue.check()]
        if broken:
            sys.exit(f"{language} breaks {len(broken)} messages, among them: " + " | ".join(broken[:10]))
    print("translations: complete")


if __name__ == "__main__":
    {"extract": update, "compile": compile_all, "check": check}[sys.argv[1]]()
