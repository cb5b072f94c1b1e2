"""Where the address and the key are kept: the environment first, else a file that only its owner may read."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.errors import NOT_ALLOWED, LuthierError
from luthier.speaking import _

URL, KEY = "LUTHIER_URL", "LUTHIER_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
PRIVATE = 0o600


@dataclass(frozen=True)
class Login:
    """A server and the key for it."""

    url: str
    key: str


def folder() -> Path:
    """Return where this user's settings lie."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "luthier"


def login_file() -> Path:
    return folder() / "login.json"


def find_login(*, url: str = "") -> Login:
    """Return what is to be used: an option, else the environment, else what `luthier login` kept.

    A kept key goes to the server that it was kept for, and to no other.
    """
    kept = _kept()
    address = server_of(url or os.environ.get(URL) or kept.get("url") or DEFAULT_URL)
    key = os.environ.get(KEY) or (kept.get("key") if address == kept.get("url") else None)
    if not key:
        said = _("There is no API key for {url}. Sign in with “luthier login”, or set LUTHIER_API_KEY.")
        raise LuthierError(said.format(url=address), code="not_signed_in", exit_code=NOT_ALLOWED)
    return Login(address, key)


def server_of(url: str) -> str:
    """Return a server's address without the /v1 that OpenAI's clients want."""
    cleaned = url.strip().rstrip("/")
    for end in ("/api/v1", "/v1"):
        cleaned = cleaned[: -len(end)] if cleaned.endswith(end) else cleaned
    return cleaned if "://" in cleaned else f"http://{cleaned}"


def keep_login(login: Login) -> Path:
    """Write the login where only its owner may read it, all of it or nothing."""
    write_private(login_file(), {"url": login.url, "key": login.key})
    return login_file()


def forget_login() -> bool:
    """Delete what was kept; say whether there was anything."""
    existed = login_file().exists()
    login_file().unlink(missing_ok=True)
    return existed


def write_private(path: Path, content: Any) -> None:
    """Write JSON that nobody else may read, in place of what was there, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
    partial.replace(path)


def _kept() -> dict[str, str]:
    try:
        found = json.loads(login_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        said = _("{path} is damaged. Sign in again with “luthier login”.")
        raise LuthierError(said.format(path=login_file()), code="login_damaged", exit_code=NOT_ALLOWED) from None
    login_file().chmod(PRIVATE)
    return found if isinstance(found, dict) else {}
