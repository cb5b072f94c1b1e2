"""manage.py model_name list | set NAME BASE | remove NAME | propose [--accept]"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalogue.foreign_names import accept_proposals, proposals, remove_model_name, set_model_name
from catalogue.models import ModelName
from common.errors import UserError


class Command(BaseCommand):
    help = (
        "Say which base model another provider's model name means here, so that scripts with that name go on working."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list")
        setting = actions.add_parser("set")
        setting.add_argument("name", help="such as gpt-4o-mini-2024-07-18")
        setting.add_argument("base", help="the id of a base model of the catalogue")
        actions.add_parser("remove").add_argument("name")
        proposing = actions.add_parser("propose", help="OpenAI's names with bases of about their size")
        proposing.add_argument("--accept", action="store_true", help="map them all")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except UserError as error:
            raise CommandError(str(error.message)) from None

    def _list(self, options: dict[str, Any]) -> None:
        for name in ModelName.objects.all():
            self._say(name.name, name.base_id)

    def _set(self, options: dict[str, Any]) -> None:
        self._say(options["name"], set_model_name(name=options["name"], base_id=options["base"], by=None).base_id)

    def _remove(self, options: dict[str, Any]) -> None:
        remove_model_name(name=options["name"], by=None)
        self.stdout.write(f"{options['name']} means nothing here any more")

    def _propose(self, options: dict[str, Any]) -> None:
        if options["accept"]:
            for name in accept_proposals(by=None):
                self._say(name.name, name.base_id)
            return
        for one in proposals():
            self._say(one.name, one.base.pk)

    def _say(self, name: str, base: str) -> None:
        self.stdout.write(f"{name} → {base}")
