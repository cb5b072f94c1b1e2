"""manage.py create_api_key --email a@b.c [--team NAME] [--role ROLE] [--admin] [--scope SCOPE …] [--days N]"""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Membership, Scope
from accounts.services import create_api_key
from common.errors import UserError


class Command(BaseCommand):
    help = "Make an API key, with the person and the team where they are missing, and print the key alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--team", help="the team's name; by default the person's first team")
        roles = ", ".join(Membership.Role.values)
        parser.add_argument(
            "--role",
            choices=Membership.Role.values,
            metavar="ROLE",
            help=f"the person's role in the team: {roles}; by default as it is, of the first one in a team owner, "
            "of others member",
        )
        parser.add_argument("--admin", action="store_true", help="make the person an administrator of the platform")
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=Scope.values,
            metavar="SCOPE",
            help=f"what the key may do, again for each: {', '.join(Scope.values)}; by default everything but admin",
        )
        parser.add_argument("--days", type=int, help="after how many days it expires; by default never")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        try:
            secret = create_api_key(
                email=options["email"], team_name=options["team"], admin=options["admin"], role=options["role"],
                name=options["name"], scopes=options["scope"],
                expires_at=None if days is None else timezone.now() + timedelta(days=days),
            )  # fmt: skip
        except UserError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(secret)
