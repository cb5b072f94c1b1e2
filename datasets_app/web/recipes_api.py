"""Recipes over HTTP."""

from collections.abc import Callable
from typing import Any, Literal, NotRequired, TypedDict

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
from datasets_app.recipes.base import Field, Recipe
from datasets_app.recipes.making import acceptance_of
from datasets_app.recipes.registry import RECIPES
from datasets_app.web.requests import answers_body
from datasets_app.web.wire import VersionObject, version_json


class RecipeField(TypedDict):
    """A question of a recipe: its answer is a text, some `choices`, one of them, lines, or rows of a table."""

    name: str
    type: str
    label: str
    help: str
    required: bool
    choices: NotRequired[list[str]]
    default: NotRequired[list[str] | str]
    columns: NotRequired[list[str]]


class RecipeObject(TypedDict):
    """A recipe with the questions that it asks."""

    object: Literal["recipe"]
    name: str
    goal: str
    promise: str
    cannot: str
    """What it cannot do."""
    needs: str
    """How much has to be brought."""
    fields: list[RecipeField]
    needed: dict[str, float]
    """The share of right answers that each topic of its test needs."""
    hyperparameters: dict[str, object]
    """What is automatic with its data sets, where that differs from others."""


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
        return listed([_recipe_json(recipe) for recipe in RECIPES.values()])


def recipe_view(recipe: Recipe[Any]) -> Callable[..., Any]:
    """Return the view of a recipe's route."""

    class RecipeView(APIView):
        @answers(VersionObject)
        @reads(answers_body(recipe))
        def post(self, request: Request) -> Response:
            asked = body_of(request)
            team = team_of(request)

            def create() -> Response:
                file = services.get_file(team=team, file_id=asked["file"]) if asked.get("file") else None
                made = services.recipe_file(team=team, by=user_of(request), recipe=recipe, answers=asked, file=file)
                return Response(version_json(made))

            return idempotent(request, create)

    fields = ", ".join(f'"{field.name}"' for field in recipe.fields)
    RecipeView.__doc__ = f'POST /api/v1/recipes/{recipe.name}: {{{fields}, "file"}}; `file` is completed if given'
    RecipeView.__name__ = f"{recipe.name.title()}View"
    return RecipeView.as_view()


def _recipe_json(recipe: Recipe[Any]) -> RecipeObject:
    said = recipe.sentences
    return {
        "object": "recipe",
        "name": recipe.name,
        "goal": str(said.goal),
        "promise": str(said.promise),
        "cannot": str(said.cannot),
        "needs": str(said.needs),
        "fields": [_field_json(field) for field in recipe.fields],
        "needed": dict(recipe.needed),
        "hyperparameters": dict(recipe.values),
    }


def _field_json(field: Field) -> RecipeField:
    shown: RecipeField = {
        "name": field.name,
        "type": field.kind,
        "label": str(field.label),
        "help": str(field.help),
        "required": field.is_required,
    }
    if field.choices:
        shown["choices"] = list(field.choices)
    if field.default is not None:
        shown["default"] = field.default
    if field.columns:
        shown["columns"] = list(field.columns)
    return shown


class AcceptanceView(APIView):
    """GET /api/v1/files/{id}/acceptance: what a model is asked after a training on this file"""

    @answers(FileAcceptanceObject)
    def get(self, request: Request, file_id: str) -> Response:
        found = acceptance_of(services.get_file(team=team_of(request), file_id=file_id))
        tests = [test.to_json() for test in found.tests] if found else []
        needed = dict(found.needed) if found else {}
        shown: FileAcceptanceObject = {"object": "file.acceptance", "tests": tests, "needed": needed}
        return Response(shown)
