"""Nodes over HTTP: an administrator takes one out of service, and back into it."""

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin
from accounts.requests import user_of
from common.answers import answers
from common.reads import reads, require_no_body
from compute.administering.nodes import ACTIONS, NodeInService, node_named, state_of


class NodeActionView(APIView):
    """POST /api/v1/nodes/{name}/cordon|drain|uncordon: no new work; what runs is queued again too; work as before."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]
    action = ""

    @answers(NodeInService)
    @reads()
    def post(self, request: Request, name: str) -> Response:
        require_no_body(request)
        node = node_named(name)
        ACTIONS[self.action](node=node, by=user_of(request))
        return Response(state_of(node))
