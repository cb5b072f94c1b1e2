"""manage.py node cordon|drain|uncordon NAME, and node move NAME --pool POOL"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import NotFound, UserError
from compute.administering.nodes import ACTIONS, node_named, pool_named, state_of
from compute.administering.pools import move_node
from compute.models import Node


class Command(BaseCommand):
    help = (
        "Take a node out of service and back into it. cordon: it gets no new work. drain: what runs there also saves "
        "a checkpoint and is queued again. uncordon: it gets work again. move: a node on which nothing runs goes to "
        "another pool."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=[*sorted(ACTIONS), "move"])
        parser.add_argument("name", help="the node's name")
        parser.add_argument("--pool", help="where to move it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            node = node_named(options["name"])
        except NotFound:
            names = ", ".join(Node.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no node {options['name']!r}. Nodes: {names}.") from None
        if options["action"] == "move":
            self._move(node, options["pool"])
            return
        ACTIONS[options["action"]](node=node, by=None)
        state = state_of(node)
        says = "gets no new work" if state["draining"] else "gets new work"
        self.stdout.write(f"{node.name} {says}; {state['runs']} running")

    def _move(self, node: Node, name: str | None) -> None:
        if not name:
            raise CommandError("Name the pool: --pool NAME.")
        try:
            pool = pool_named(name)
            move_node(node=node, pool=pool, by=None)
        except UserError as error:
            raise CommandError(str(error.message)) from None
        self.stdout.write(f"{node.name} belongs to {pool.name}")
