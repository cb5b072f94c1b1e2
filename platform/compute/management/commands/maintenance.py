"""manage.py maintenance list | plan --node NAME|--pool NAME --from WHEN --to WHEN [--reason TEXT] | cancel ID"""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from common.errors import UserError
from compute.administering.maintenance import cancel, effect_of, maintenance_named, plan, said_of
from compute.administering.nodes import node_named, pool_named
from compute.models import Maintenance

WHEN = "2026-11-28T20:00, by the platform's clock (TZ) unless an offset follows, such as +08:00"


class Command(BaseCommand):
    help = (
        "Plan maintenance of a node or a whole pool, list what is planned, or call it off. Nothing starts there that "
        "would not end before it; what still runs when it begins saves a checkpoint and is queued again. Afterwards "
        "the nodes get work again by themselves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list")
        planning = actions.add_parser("plan")
        place = planning.add_mutually_exclusive_group(required=True)
        place.add_argument("--node", help="the node's name")
        place.add_argument("--pool", help="the pool's name: all of its nodes")
        planning.add_argument("--from", dest="begins_at", required=True, help=WHEN)
        planning.add_argument("--to", dest="ends_at", required=True, help=WHEN)
        planning.add_argument("--reason", default="", help="for everybody who waits")
        planning.add_argument("--preview", action="store_true", help="say what it would do, and plan nothing")
        actions.add_parser("cancel").add_argument("id")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except UserError as error:
            raise CommandError(str(error.message)) from None

    def _list(self, options: dict[str, Any]) -> None:
        for one in Maintenance.objects.to_come().select_related("node", "pool"):
            self._say(one)

    def _plan(self, options: dict[str, Any]) -> None:
        window: dict[str, Any] = {
            "node": node_named(options["node"]) if options["node"] else None,
            "pool": pool_named(options["pool"]) if options["pool"] else None,
            "begins_at": _moment(options["begins_at"]),
            "ends_at": _moment(options["ends_at"]),
        }
        self.stdout.write(str(said_of(effect_of(**window))))
        if not options["preview"]:
            self._say(plan(**window, reason=options["reason"][:200], by=None))

    def _cancel(self, options: dict[str, Any]) -> None:
        found = maintenance_named(options["id"])
        cancel(maintenance=found, by=None)
        self.stdout.write(f"{found.pk} is called off")

    def _say(self, one: Maintenance) -> None:
        begins, ends = (timezone.localtime(moment).isoformat(" ", "minutes") for moment in (one.begins_at, one.ends_at))
        self.stdout.write(f"{one.pk}  {one.place}  {begins} to {ends}  {one.reason}".rstrip())


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time. Accepted: {WHEN}.") from None
    return moment if moment.tzinfo else timezone.make_aware(moment)
