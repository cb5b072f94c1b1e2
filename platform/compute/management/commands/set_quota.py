"""manage.py set_quota --team NAME [--pool NAME] [--accelerators N | --guaranteed N --ceiling N] [--hours H] …"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Team
from common.errors import UserError
from common.wording import in_words
from compute.administering.quotas import effect_of, quota_in, said_of, set_quota
from compute.models import Pool

NUMBER = "a number from 0 on, or 'none'"


class Command(BaseCommand):
    help = (
        "Set what a team may hold of a pool: what it is guaranteed, how far it may borrow what others leave idle, "
        "accelerator-hours a month, the most at once for one person, the longest run, and storage in all pools. What "
        "is not named stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True, help="the team's name")
        parser.add_argument("--pool", help="the pool's name; the default one where it is absent")
        parser.add_argument("--accelerators", help=f"a ceiling without a guarantee: {NUMBER}")
        parser.add_argument("--guaranteed", help="what it gets whenever it has work for it: a number from 0 on")
        parser.add_argument("--ceiling", help=f"the most at once, with what it borrows: {NUMBER}")
        parser.add_argument("--hours", help=f"accelerator-hours a month: {NUMBER}")
        parser.add_argument("--per-user", help=f"the most at once for one person: {NUMBER}")
        parser.add_argument("--longest-run-seconds", help=f"after so long a training is paused: {NUMBER}")
        parser.add_argument("--storage-bytes", help=f"of data, results and tuned models, in all pools: {NUMBER}")
        parser.add_argument("--preview", action="store_true", help="say what it would do at once, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        team, pool = _team(options["team"]), _pool(options["pool"])
        names = {"accelerators": "accelerators", "guaranteed": "guaranteed", "ceiling": "ceiling",
                 "hours": "accelerator_hours", "per_user": "per_user", "longest_run_seconds": "longest_run_seconds",
                 "storage_bytes": "storage_bytes"}  # fmt: skip
        changes = {name: _number(option, options[option]) for option, name in names.items() if options[option]}
        if not changes:
            raise CommandError("Name at least one of " + ", ".join(f"--{one.replace('_', '-')}" for one in names) + ".")
        try:
            if options["preview"]:
                self.stdout.write(in_words(said_of(effect_of(team=team, pool=pool, changes=changes))))
                return
            set_quota(team=team, pool=pool, by=None, **changes)
        except UserError as error:
            raise CommandError(str(error.message)) from None
        quota = quota_in(team, pool)
        ceiling = "the whole pool" if quota.ceiling is None else quota.ceiling
        self.stdout.write(f"{team.name}: guaranteed {quota.guaranteed}, at most {ceiling}")


def _team(name: str) -> Team:
    team = Team.objects.filter(name=name).first()
    if team is None:
        names = ", ".join(Team.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise CommandError(f"There is no team {name!r}. Teams: {names}.")
    return team


def _pool(name: str | None) -> Pool:
    pool = Pool.default() if name is None else Pool.objects.filter(name=name).first()
    if pool is None:
        names = ", ".join(Pool.objects.order_by("name").values_list("name", flat=True))
        raise CommandError(f"There is no pool {name!r}. Pools: {names}.")
    return pool


def _number(option: str, text: str) -> int | None:
    text = text.strip().lower()
    if text == "none" and option != "guaranteed":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        accepted = "a number from 0 on" if option == "guaranteed" else NUMBER
        raise CommandError(f"--{option.replace('_', '-')} is {text!r}. Accepted: {accepted}.")
    return int(text)
