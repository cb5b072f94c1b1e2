"""The environment, read in one place: a bad value stops the start with its name, value and what is accepted."""

import ipaddress
import math
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def number(name: str, default: float, *, at_least: float = 0) -> float:
    """Return a number, or stop with a sentence."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        result = float(value)
    except ValueError:
        result = float("nan")
    if not at_least <= result < math.inf:
        raise ImproperlyConfigured(f"{name} is {value!r}. It must be a number of at least {at_least:g}.")
    return result


def flag(name: str, default: bool = False) -> bool:
    """Return a yes or no, or stop with a sentence."""
    value = os.environ.get(name, "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value == "":
        return default
    raise ImproperlyConfigured(f"{name} is {value!r}. It must be 1 or 0.")


def choice(name: str, values: tuple[str, ...]) -> str:
    """Return one of `values`, the first where nothing is said, or stop with a sentence."""
    value = os.environ.get(name, "").strip().lower() or values[0]
    if value not in values:
        raise ImproperlyConfigured(f"{name} is {value!r}. It must be one of: {', '.join(values)}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def networks(name: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return networks such as 10.0.0.0/8, separated by commas, or stop with a sentence."""
    try:
        return tuple(ipaddress.ip_network(part) for part in words(name))
    except ValueError:
        value = os.environ[name]
        raise ImproperlyConfigured(
            f"{name} is {value!r}. It must be networks such as 10.0.0.0/8 or addresses, separated by commas."
        ) from None


def mail(name: str) -> dict[str, object]:
    """Return Django's settings of a mail server, by smtp://, smtp+starttls:// or smtps://; {} where there is none."""
    # Never shown whole: a password stands in it.
    url = os.environ.get(name, "")
    if not url:
        return {}
    parts, ports = urlsplit(url), {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
    try:
        port = parts.port or ports[parts.scheme]
    except (KeyError, ValueError):
        port = 0
    if not port or not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} is not understood. It must be smtp://, smtp+starttls:// or smtps://, then "
            "USER:PASSWORD@HOST:PORT, where user, password and port may be left out."
        )
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+starttls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def own_names() -> list[str]:
    """Return the names and addresses by which this machine can be reached: what a Host header may say."""
    addresses = [address.address.partition("%")[0] for every in psutil.net_if_addrs().values() for address in every
                 if address.family in (socket.AF_INET, socket.AF_INET6)]  # fmt: skip
    written = [f"[{address}]" if ":" in address else address for address in addresses]
    return ["localhost", "127.0.0.1", "[::1]", socket.gethostname().lower(), *written]


def database(url: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for a postgresql:// URL; the host may be a URL-quoted socket folder."""
    # Never shown whole: a password stands in it.
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        start = repr(f"{parts.scheme}:") if parts.scheme else "something else"
        raise ImproperlyConfigured(f"DATABASE_URL starts with {start}. It must start with postgresql://.")
    try:
        port = str(parts.port or "")
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL has a port that is no number from 0 to 65535.") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or "")
        if not parts.netloc.rpartition("@")[2].startswith("%2F")
        else _socket(parts.netloc),
        "PORT": port,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 3},
    }


def home(root: Path) -> Path:
    """Return LUTHIER_HOME (default var/ in the repository), absolute."""
    return Path(os.environ.get("LUTHIER_HOME") or root / "var").expanduser().absolute()


def _socket(netloc: str) -> str:
    """urlsplit lowers the case of a host name, and a socket folder's name has a case."""
    return unquote(netloc.rpartition("@")[2].partition(":")[0])
