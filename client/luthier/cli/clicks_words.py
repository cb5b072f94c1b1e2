"""What click says of itself, in the reader's language: it ships English alone and asks `_` of each of its modules."""

from __future__ import annotations

from click import core, decorators, exceptions, formatting, parser, types

from luthier.speaking import CHINESE, _, language, ngettext

MODULES = (core, decorators, exceptions, formatting, parser, types)


def translate_click() -> None:
    """Let click look its sentences up among ours; what it asks for and we do not have stays English."""
    if language() == CHINESE:
        for module in MODULES:
            if hasattr(module, "_"):
                module._ = _  # type: ignore[attr-defined]
            if hasattr(module, "ngettext"):
                module.ngettext = ngettext  # type: ignore[attr-defined]


SAID = (
    "Usage:",
    "Options",
    "Commands",
    "Show this message and exit.",
    "%(prog)s, version %(version)s",
    "default: {default}",
    "Missing argument",
    "Missing option",
    "Missing command.",
    "Missing parameter",
    "No such command {name!r}.",
    "No such option {name!r}.",
    "Did you mean {possibility}?",
    "Option {name!r} requires an argument.",
    "Option {name!r} does not take a value.",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "{value!r} is not a valid {number_type}.",
    "{value!r} is not {choice}.",
    "{value!r} is not one of {choices}.",
    "{value} is not in the range {range}.",
    "Got unexpected extra argument ({args})",
    "Got unexpected extra arguments ({args})",
    "Choose from:\n\t{choices}",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a directory.",
    "Could not open file {filename!r}: {message}",
    "file",
    "directory",
    "path",
)
"""Sentences of click that have a translation."""
