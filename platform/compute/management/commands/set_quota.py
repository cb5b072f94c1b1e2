"""manage.py set_quota --team NAME --accelerators N|none"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Team
from compute.services import set_quota


class Command(BaseCommand):
    help = "Set how many accelerators a team may hold at once; 'none' opens the whole pool to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True, help="the team's name")
        parser.add_argument("--accelerators", required=True, help="a number from 0 on, or 'none'")

    def handle(self, *args: Any, **options: Any) -> None:
        team = Team.objects.filter(name=options["team"]).first()
        if team is None:
            names = ", ".join(Team.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no team {options['team']!r}. Teams: {names}.")
        text = options["accelerators"].strip().lower()
        if text != "none" and not text.isdecimal():
            raise CommandError(f"--accelerators is {text!r}. Accepted: a number from 0 on, or 'none'.")
        set_quota(team=team, accelerators=None if text == "none" else int(text), by=None)
        self.stdout.write(f"{team.name}: {'the whole pool' if text == 'none' else text}")
