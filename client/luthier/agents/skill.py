"""The skill file: how an agent goes from a file to an answering model."""

from __future__ import annotations

from pathlib import Path


def skill_text() -> str:
    """Return the skill as Markdown."""
    return (Path(__file__).parent / "SKILL.md").read_text("utf-8")
