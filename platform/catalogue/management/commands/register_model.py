"""manage.py register_model --id my-model --path /models/my-model [--name …] [--licence …] [--template …]"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalogue.services import register_folder
from common.errors import UserError


class Command(BaseCommand):
    help = "Add a model in a folder of this machine (config.json, *.safetensors, tokenizer.json) to the catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--id", required=True)
        parser.add_argument("--path", required=True, type=Path)
        parser.add_argument("--name", default="", help="the name that pages show")
        parser.add_argument("--licence", default="unknown")
        parser.add_argument("--template", default="", help="own (the model's), chatml, qwen or llama3")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            base = register_folder(
                path=options["path"].absolute(),
                model_id=options["id"],
                by=None,
                display_name=options["name"],
                licence=options["licence"],
                template=options["template"],
            )
        except UserError as error:
            raise CommandError(str(error.message)) from None
        self.stdout.write(f"{base.id} is registered (SHA-256 {base.sha256})")
