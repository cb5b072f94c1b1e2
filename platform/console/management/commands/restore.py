"""manage.py restore FILE"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import UserError
from common.wording import in_words
from console.backup import Summary, clear_home, require_empty_home, restore
from console.embedded import EmbeddedError
from console.serve import AlreadyServing
from console.standing_by import database


class Command(BaseCommand):
    help = "Bring a backup into an empty LUTHIER_HOME and an empty database, proven by its checksums."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        source = options["file"].absolute()
        if not source.is_file():
            raise CommandError(f"There is no file {source}.")
        try:
            require_empty_home()
            done = _restored(source)
        except UserError as error:
            raise CommandError(in_words(error.message)) from None
        except (AlreadyServing, EmbeddedError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{done.rows_of} tables and {done.objects} objects of storage ({done.bytes:,} bytes) are back, each proven "
            "by its SHA-256. Start the platform: what ran goes on from its newest checkpoint."
        )


def _restored(source: Path) -> Summary:
    """Restore, or leave the home as empty as it was."""
    try:
        with database(alone=True):
            return restore(source)
    except AlreadyServing:
        raise  # what is in the home now is another's
    except BaseException:
        clear_home()
        raise
