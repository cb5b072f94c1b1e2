"""Pools over HTTP: everybody sees which there are, administrators make them and move nodes between them."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin, require_member
from accounts.requests import user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.errors import UserError
from common.reads import Body, body_of, query_of, reads, require_no_body
from common.wording import MessageObject, on_the_wire
from compute.administering.nodes import NodeInService, node_named, pool_named, state_of
from compute.administering.pools import (
    LONGEST_NAME,
    LONGEST_TITLE,
    change_pool,
    create_pool,
    delete_pool,
    move_effect,
    move_node,
    require_movable,
    said_of_move,
)
from compute.messages import message
from compute.models import Pool, Quota


class PoolRow(TypedDict):
    """A pool: how many nodes and accelerators it has, and how many of these its teams are guaranteed."""

    id: str
    object: Literal["pool.summary"]
    name: str
    title: str
    overcommit: bool
    nodes: int
    accelerators: int
    guaranteed: int


class MovedNode(NodeInService, MessageObject):
    """A node, and what moving it does: how many Runs that wait can start, and all of it in words."""

    moved: bool
    """False in a preview: the node is where it was."""
    starts: int


class PoolBody(Body):
    """What is not sent stays as it is."""

    title = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_TITLE)
    overcommit = serializers.BooleanField(required=False)

    example = {"title": "A100", "overcommit": True}


class NewPoolBody(PoolBody):
    """What a pool is called in addresses, jobs and the ledger, for good, and on pages."""

    name = serializers.CharField(max_length=LONGEST_NAME)

    example = {"name": "a100", "title": "A100"}


class PoolsView(APIView):
    """GET /api/v1/pools; POST {"name": "inference"} makes one."""

    def get_permissions(self) -> Sequence[Any]:
        if self.request.method == "POST":
            return [IsAuthenticated(), IsPlatformAdmin()]
        return super().get_permissions()

    @answers(ListObject[PoolRow])
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        require_member(request)
        return listed([_as_json(pool) for pool in _counted()])

    @answers(PoolRow, status=201)
    @reads(NewPoolBody)
    def post(self, request: Request) -> Response:
        made = create_pool(by=user_of(request), **body_of(request))
        return Response(_as_json(_counted().get(pk=made.pk)), status=201)


class OnePoolView(APIView):
    """PATCH /api/v1/pools/{pool} {"title": "A100", "overcommit": true}; DELETE, once nothing is in it."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(PoolRow)
    @reads(PoolBody)
    def patch(self, request: Request, pool: str) -> Response:
        changes = body_of(request)
        if not changes:
            raise UserError(message("nothing_to_change"), code="missing_required_parameter")
        found = pool_named(pool)
        change_pool(pool=found, by=user_of(request), **changes)
        return Response(_as_json(_counted().get(pk=found.pk)))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, pool: str) -> Response:
        require_no_body(request)
        delete_pool(pool=pool_named(pool), by=user_of(request))
        return Response(deleted("pool", pool))


class NodePoolBody(Body):
    """The pool that a node goes to; `preview` only says what that would do."""

    pool = serializers.CharField(max_length=LONGEST_NAME)
    preview = serializers.BooleanField(required=False, default=False)

    example = {"pool": "a100", "preview": True}


class MoveNodeView(APIView):
    """POST /api/v1/nodes/{name}/move {"pool": "inference"}, and what that does; with `preview` it stays where it is."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(MovedNode)
    @reads(NodePoolBody)
    def post(self, request: Request, name: str) -> Response:
        asked = body_of(request)
        node, pool = node_named(name), pool_named(asked["pool"])
        if asked["preview"]:
            require_movable(node)
        effect = move_effect(node=node, pool=pool)
        said = on_the_wire(said_of_move(effect, node=node, pool=pool))
        if not asked["preview"]:
            move_node(node=node, pool=pool, by=user_of(request))
        found: MovedNode = {
            **state_of(node_named(name)),
            "moved": not asked["preview"],
            "starts": effect.starts,
            **said,
        }
        return Response(found)


def _counted() -> "QuerySet[Pool, Pool]":
    """Return the pools with their sums, in one question."""
    usable = Q(nodes__devices__healthy=True, nodes__devices__present=True)
    promised = Quota.objects.filter(pool=OuterRef("pk")).order_by().values("pool").annotate(sum=Sum("guaranteed"))
    return Pool.objects.order_by("pk").annotate(
        num_nodes=Count("nodes", distinct=True),
        num_devices=Count("nodes__devices", filter=usable, distinct=True),
        sum_guaranteed=Coalesce(Subquery(promised.values("sum")), 0),
    )


def _as_json(pool: Any) -> PoolRow:
    return {
        "id": pool.name,
        "object": "pool.summary",
        "name": pool.name,
        "title": pool.title,
        "overcommit": pool.overcommit,
        "nodes": pool.num_nodes,
        "accelerators": pool.num_devices,
        "guaranteed": pool.sum_guaranteed,
    }
