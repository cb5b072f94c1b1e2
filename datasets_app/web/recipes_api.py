"""Recipes over HTTP."""

from typing import Literal, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from chat.acceptance import StoredTest
from common.answers import ListObject, answers
from common.api import listed
from common.idempotency import idempotent
from common.reads import body_of, reads
from datasets_app import services
from datasets_app.recipes.making import Questionnaire, acceptance_of, questionnaire, read_answers
from datasets_app.web.requests import IdentityAnswers
from datasets_app.web.wire import VersionObject, version_json


class RecipeObject(Questionnaire):
    """A recipe with the questions that it asks."""

    object: Literal["recipe"]


class FileAcceptanceObject(TypedDict):
    """What a model is asked after a training on a file."""

    object: Literal["file.acceptance"]
    tests: list[StoredTest]
    needed: dict[str, float]
    """The share of right answers that each topic needs."""


class RecipesView(APIView):
    """GET /api/v1/recipes: each recipe with the questions that it asks"""

    @answers(ListObject[RecipeObject])
    def get(self, request: Request) -> Response:
        recipe: RecipeObject = {"object": "recipe", **questionnaire()}
        return listed([recipe])


class IdentityView(APIView):
    """POST /api/v1/recipes/identity: {"name", "maker", "languages", "tone", "file"}; `file` is completed if given"""

    @answers(VersionObject)
    @reads(IdentityAnswers)
    def post(self, request: Request) -> Response:
        asked = body_of(request)
        team = team_of(request)

        def create() -> Response:
            file = services.get_file(team=team, file_id=asked["file"]) if asked.get("file") else None
            made = services.identity_file(team=team, by=user_of(request), identity=read_answers(asked), file=file)
            return Response(version_json(made))

        return idempotent(request, create)


class AcceptanceView(APIView):
    """GET /api/v1/files/{id}/acceptance: what a model is asked after a training on this file"""

    @answers(FileAcceptanceObject)
    def get(self, request: Request, file_id: str) -> Response:
        found = acceptance_of(services.get_file(team=team_of(request), file_id=file_id))
        tests = [test.to_json() for test in found.tests] if found else []
        needed = dict(found.needed) if found else {}
        shown: FileAcceptanceObject = {"object": "file.acceptance", "tests": tests, "needed": needed}
        return Response(shown)
