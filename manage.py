#!/usr/bin/env python
"""Django's command line, with platform/ on the path behind the root."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Run a management command."""
    sys.path.insert(0, str(ROOT))
    sys.path.insert(1, str(ROOT / "platform"))
    sys.path.insert(2, str(ROOT / "client"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
