"""/api/v1/deployments: a model under its own name."""

from typing import Annotated, Any, Literal

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.fields import Checked, Either
from common.reads import Body, body_of, query_of, reads, require_no_body
from common.wording import MessageObject, in_words, on_the_wire
from compute.administering.quotas import MOST_ACCELERATORS
from deployments import services
from deployments.messages import message
from deployments.models import Accelerators, Deployment
from deployments.standing import Standing, standing_of, standings


class AcceleratorsField(Checked):
    """ "shared", "auto" or a whole number; how many there may be is the use case's to say."""

    def __init__(self, **options: Any) -> None:
        number = serializers.IntegerField(min_value=1, max_value=MOST_ACCELERATORS)
        super().__init__(Either([serializers.ChoiceField(choices=["shared", "auto"]), number]), **options)

    def to_internal_value(self, data: Any) -> Accelerators:
        if data == "shared" or data == "auto":
            return data
        if isinstance(data, int) and not isinstance(data, bool):
            return data
        raise ValidationError(in_words(message("accelerators_invalid")))


class MinReplicasField(Checked):
    """0 or 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(serializers.ChoiceField(choices=[0, 1]), **options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, int) and not isinstance(data, bool) and data in (0, 1):
            return data
        raise ValidationError(in_words(message("min_replicas_invalid")))


class NewDeployment(Body):
    """A model and the name under which it answers."""

    name = serializers.CharField(max_length=64)
    model = serializers.CharField(max_length=255)
    accelerators = AcceleratorsField(required=False)
    min_replicas = MinReplicasField(required=False)
    """Only beside accelerators of its own: 0 gives them back while nobody asks."""
    pool = serializers.CharField(required=False, max_length=60)
    """On whose nodes it answers; the default one where it is absent."""
    open_to_loopback = serializers.BooleanField(required=False)

    example = {"name": "xiaozhi", "model": "ft:smollm2-135m-instruct:team:xiaozhi:AbCd1234"}


class ChangedDeployment(Body):
    """What is not sent stays as it is."""

    accelerators = AcceleratorsField(required=False)
    min_replicas = MinReplicasField(required=False)
    pool = serializers.CharField(required=False, max_length=60)
    open_to_loopback = serializers.BooleanField(required=False)

    example = {"accelerators": 1, "min_replicas": 0}


class DeploymentObject(MessageObject):
    """A model under its own name; the message says why it does not answer."""

    id: str
    object: Literal["deployment"]
    name: str
    model: str
    base_model: str
    accelerators: int | Literal["shared", "auto"]
    min_replicas: int
    pool: str
    """On whose nodes it answers."""
    open_to_loopback: bool
    state: Annotated[str, Deployment.State]
    created_at: int


class Deployments(APIView):
    @answers(ListObject[DeploymentObject])
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        found = Deployment.objects.visible_to(team_of(request)).live().select_related("base_model", "adapter", "pool")
        now = standings(found)
        return listed([as_json(deployment, now[deployment.pk]) for deployment in found])

    @answers(DeploymentObject, status=201)
    @reads(NewDeployment)
    def post(self, request: Request) -> Response:
        asked = body_of(request)
        deployment = services.deploy(team=team_of(request), by=user_of(request), **asked)
        return Response(as_json(deployment), status=201)


class OneDeployment(APIView):
    @answers(DeploymentObject)
    def get(self, request: Request, deployment_id: str) -> Response:
        return Response(as_json(_found(request, deployment_id)))

    @answers(DeploymentObject)
    @reads(ChangedDeployment)
    def patch(self, request: Request, deployment_id: str) -> Response:
        asked = body_of(request)
        deployment = _found(request, deployment_id)
        return Response(as_json(services.update_deployment(deployment=deployment, by=user_of(request), **asked)))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, deployment_id: str) -> Response:
        require_no_body(request)
        services.undeploy(deployment=_found(request, deployment_id), by=user_of(request))
        return Response(deleted("deployment", deployment_id))


class SwitchView(APIView):
    """POST /api/v1/deployments/{id}/pause|resume: let it sleep until it is asked, or wake it."""

    action = ""

    @answers(DeploymentObject)
    @reads()
    def post(self, request: Request, deployment_id: str) -> Response:
        require_no_body(request)
        switch = SWITCHES[self.action]
        return Response(as_json(switch(deployment=_found(request, deployment_id), by=user_of(request))))


SWITCHES = {"pause": services.pause_deployment, "resume": services.resume_deployment}


def as_json(deployment: Deployment, now: Standing | None = None) -> DeploymentObject:
    """Return the public form of a deployment."""
    now = now or standing_of(deployment)
    return {
        "id": deployment.id,
        "object": "deployment",
        "name": deployment.name,
        "model": deployment.model,
        "base_model": deployment.base_model_id,
        "accelerators": deployment.reserved,
        "min_replicas": deployment.min_replicas,
        "pool": services.pool_name(deployment),
        "open_to_loopback": deployment.open_to_loopback,
        "state": now.state,
        **on_the_wire(now.message),
        "created_at": int(deployment.created_at.timestamp()),
    }


def _found(request: Request, deployment_id: str) -> Deployment:
    return services.get_deployment(team=team_of(request), deployment_id=deployment_id)
