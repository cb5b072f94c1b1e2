"""GET /healthz: whether the platform can do its work, part by part."""

import io
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from catalogue.models import BaseModel
from common.valkey import client
from compute.models import Node

CONTROL_BEAT_KEY = "luthier:control-beat"
CONTROL_SILENT_SECONDS = 30


def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 when every part works, else 503; each part is named with "ok" or what is wrong."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database,
        "broker": _broker,
        "storage": _storage,
        "worker": _worker,
        "starter_model": _starter_model,
    }
    parts = {name: _outcome(check) for name, check in checks.items()}
    ready = all(part == "ok" for part in parts.values())
    response = JsonResponse({"status": "ready" if ready else "starting", **parts}, status=200 if ready else 503)
    # A platform that starts is no error: Django would log each look at it as one.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # each failure is the answer here
        return f"unavailable ({type(error).__name__})"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _broker() -> str:
    client().ping()
    return "ok"


def _storage() -> str:
    """Write and read a small object in each storage, at most every 30 s per process."""
    global _storage_checked_at
    if time.monotonic() - _storage_checked_at > 30:
        for alias in ("datasets", "artifacts"):
            storage = storages[alias]
            name = storage.save("health/probe", io.BytesIO(b"ok"))
            storage.delete(name)
        _storage_checked_at = time.monotonic()
    return "ok"


_storage_checked_at = float("-inf")


def _worker() -> str:
    beat = client().get(CONTROL_BEAT_KEY)
    if beat is None:
        return "the control worker has not been heard from"
    since = timezone.now() - timedelta(seconds=settings.TIMES.node_silent_seconds)
    if not Node.objects.filter(last_seen_at__gte=since).exists():
        return "no node has been heard from"
    return "ok"


def _starter_model() -> str:
    if not settings.STARTER_MODEL:
        return "ok"
    base = BaseModel.objects.filter(pk=settings.STARTER_MODEL).first()
    if base is None:
        return "not in the catalogue"
    return "ok" if base.state == "present" else f"{base.state} {base.error}".strip()
