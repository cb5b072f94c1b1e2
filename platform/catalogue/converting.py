"""Work that belongs in its own process: pip, and the conversion of weights."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from catalogue.messages import message
from common.errors import UserError
from common.texts import without_folders
from wording import Message

logger = logging.getLogger(__name__)

CONVERSION_SECONDS = 3600


class ProcessFailed(UserError):
    """A process that ended badly or not in time."""

    status = 502


def convert(source: Path, folder: Path) -> None:
    """Write the model in `source` (a GGUF file, or a first-generation Qwen folder) to `folder` for Transformers."""
    arguments = ["-m", "catalogue.conversion", str(source), str(folder)]
    run_python(arguments, CONVERSION_SECONDS, message("conversion_failed"), code="not_converted")


def run_python(arguments: list[str], timeout_seconds: float, failure: Message, *, code: str) -> None:
    """Run this Python with `arguments`; raise ProcessFailed with `failure` and its last sentence."""
    folders = os.pathsep.join([str(settings.BASE_DIR), str(settings.BASE_DIR / "platform")])
    environment = os.environ | {"PYTHONPATH": folders, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        too_slow = message("failed_in_time", failure=failure, seconds=round(timeout_seconds))
        raise ProcessFailed(too_slow, code=code) from None
    if done.returncode:
        logger.error("%s:\n%s", failure, done.stderr)
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        if not last or "Traceback (most recent call last)" in done.stderr:
            raise ProcessFailed(message("failed_see_log", failure=failure), code=code)
        said = without_folders(last.strip())[:300]
        raise ProcessFailed(message("failed_saying", failure=failure, said=said), code=code)
