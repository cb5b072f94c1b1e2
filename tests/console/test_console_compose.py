"""docker-compose.yml holds no secret of its own: each comes from .env, or nothing starts."""

import re
from pathlib import Path

from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_secret_is_asked_of_the_environment() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"\"(?:accessKey|secretKey)\": \"([^\"]*)\"", text) == [
        "${S3_ACCESS_KEY:?set it in .env}", "${S3_SECRET_KEY:?set it in .env}",
    ]  # fmt: skip
    for name in (
        "POSTGRES_PASSWORD",
        "VALKEY_PASSWORD",
        "S3_SECRET_KEY",
        "LUTHIER_SECRET_KEY",
        "LUTHIER_ENCRYPTION_KEY",
    ):
        assert f"${{{name}:?" in text
        assert re.search(rf"^{name}=$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert "change-this" not in text


def test_every_command_that_is_told_exists() -> None:
    """One that does not ends the service `migrate`, and all others wait for that."""
    for name in ("docker-compose.yml", "README.md", "README.zh.md", "Makefile", "SECURITY.md"):
        told = set(re.findall(r"manage\.py ([a-z_]+)", (ROOT / name).read_text()))
        assert told <= set(get_commands()), name
