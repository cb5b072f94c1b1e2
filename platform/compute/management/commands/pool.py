"""manage.py pool list | create NAME [--title T] [--overcommit on] | change NAME [--overcommit off] … | delete NAME"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import UserError
from compute.administering.nodes import pool_named
from compute.administering.pools import change_pool, create_pool, delete_pool
from compute.administering.quotas import devices_in, guaranteed_in
from compute.models import Pool


class Command(BaseCommand):
    help = (
        "List the pools, make one, or change what one is called and whether its guarantees may add up to more than it "
        "has; delete one in which there is nothing. A name stays for good. Nodes are given to it by: manage.py node "
        "move NAME --pool POOL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list")
        for action in ("create", "change"):
            one = actions.add_parser(action)
            one.add_argument("name")
            one.add_argument("--title", help="what people call it")
            one.add_argument("--overcommit", choices=["on", "off"])
        actions.add_parser("delete").add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list":
            for pool in Pool.objects.order_by("pk"):
                self._say(pool)
            return
        try:
            self._act(options)
        except UserError as error:
            raise CommandError(str(error.message)) from None

    def _act(self, options: dict[str, Any]) -> None:
        if options["action"] == "delete":
            delete_pool(pool=pool_named(options["name"]), by=None)
            self.stdout.write(f"{options['name']} is deleted")
            return
        title, overcommit = options["title"], options["overcommit"]
        switch = None if overcommit is None else overcommit == "on"
        if options["action"] == "create":
            self._say(create_pool(name=options["name"], title=title or "", overcommit=bool(switch), by=None))
        elif title is None and switch is None:
            raise CommandError("Name at least one of --title, --overcommit.")
        else:
            self._say(change_pool(pool=pool_named(options["name"]), title=title, overcommit=switch, by=None))

    def _say(self, pool: Pool) -> None:
        title = f" ({pool.title})" if pool.title else ""
        more = ", may promise more" if pool.overcommit else ""
        self.stdout.write(f"{pool.name}{title}: guarantees {guaranteed_in(pool)} of {devices_in(pool)}{more}")
