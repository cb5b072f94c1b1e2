"""manage.py backup FILE"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import UserError
from common.wording import in_words
from console.backup import back_up
from console.embedded import EmbeddedError
from console.standing_by import database


class Command(BaseCommand):
    help = "Write the database and storage into one file, whether the platform runs or not. Keys are not in it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        target = options["file"].absolute()
        if not target.parent.is_dir():
            raise CommandError(f"There is no folder {target.parent} to write {target.name} into. Make it first.")
        try:
            with database():
                done = back_up(target)
        except UserError as error:
            raise CommandError(in_words(error.message)) from None
        except (EmbeddedError, OSError) as error:
            raise CommandError(str(error)) from None
        where = "in it" if done.is_whole else "named in it, but they stay in their bucket: back that up as well"
        self.stdout.write(
            f"{target} has {done.rows_of} tables. "
            f"{done.objects} objects of storage ({done.bytes:,} bytes) are {where}. "
            "Keep LUTHIER_ENCRYPTION_KEY in another place: without it hub tokens must be entered again."
        )
