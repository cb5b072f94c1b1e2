"""manage.py node cordon|drain|uncordon NAME"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import NotFound
from compute.administering.nodes import ACTIONS, node_named, state_of
from compute.models import Node


class Command(BaseCommand):
    help = (
        "Take a node out of service and back into it. cordon: it gets no new work. drain: what runs there also saves "
        "a checkpoint and is queued again. uncordon: it gets work again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=sorted(ACTIONS))
        parser.add_argument("name", help="the node's name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            node = node_named(options["name"])
        except NotFound:
            names = ", ".join(Node.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no node {options['name']!r}. Nodes: {names}.") from None
        ACTIONS[options["action"]](node=node, by=None)
        state = state_of(node)
        says = "gets no new work" if state["draining"] else "gets new work"
        self.stdout.write(f"{node.name} {says}; {state['runs']} running")
