"""The pages of recipes: their cards, and each one's questionnaire."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.templatetags.luthier import grouped
from datasets_app import hooks, services
from datasets_app.models import TrainingFile
from datasets_app.recipes.base import Recipe, Row
from datasets_app.recipes.registry import RECIPES
from datasets_app.web.recipe_form import RecipeForm

SHOWN_FILES = 50
SHOWN_OF_EACH, SHOWN_ROWS = 4, 24


@needs(Role.MEMBER)
@login_required
@require_GET
def recipes_page(request: PageRequest) -> HttpResponse:
    """Show what a model can learn here, a card each."""
    cards = [{"recipe": recipe, "address": f"{name}_recipe"} for name, recipe in RECIPES.items()]
    return render(request, "datasets_app/recipes.html", {"cards": cards})


@needs(Role.MEMBER)
@login_required
@require_http_methods(["GET", "POST"])
def recipe_page(request: PageRequest, name: str) -> HttpResponse:
    """Ask what the model should learn, show what it would be taught, and make the data set."""
    recipe = RECIPES[name]
    form = _form(request, recipe)
    if request.method == "GET" or form.is_preview:
        return _page(request, form)

    def create(answers: dict[str, Any], read: Any, file: str) -> HttpResponse:
        completed = services.get_file(team=request.team, file_id=file) if file else None
        made = services.recipe_file(team=request.team, by=request.user, recipe=recipe, answers=answers, file=completed)
        return redirect("dataset", made.id)

    return form.answer_once(request, create) or _page(request, form)


def _form(request: PageRequest, recipe: Recipe[Any]) -> RecipeForm:
    """Return the form as it was sent; where an address answers the first question, that is read like a form."""
    files = TrainingFile.objects.visible_to(request.team).filter(purpose="fine-tune", status="processed")
    offered = [
        (file.pk, f"{file.filename} ({grouped(file.num_rows)})")
        for file in files.exclude(use="text").defer("recipe").order_by("-created_at")[:SHOWN_FILES]
    ]
    has_teacher = any(field.kind == "model" for field in recipe.fields)
    choices = {"offered": offered, "models": hooks.teachers().models(request.team) if has_teacher else []}
    if request.method == "POST":
        return RecipeForm(request.POST, files=request.FILES, recipe=recipe, **choices)
    if request.GET.get(recipe.fields[0].name):
        return RecipeForm(request.GET, recipe=recipe, **choices)
    return RecipeForm(recipe=recipe, **choices, initial=request.GET.dict())


def _page(request: PageRequest, form: RecipeForm) -> HttpResponse:
    recipe, answers = form.recipe, form.cleaned_data["read"] if form.is_valid() else None
    rows = list(recipe.rows(answers)) if answers is not None else []
    tests = recipe.tests(answers) if answers is not None else []
    asking = recipe.to_ask(answers) if answers is not None else None
    body = json.dumps(recipe.example, ensure_ascii=False)
    context: dict[str, object] = {
        "form": form,
        "recipe": recipe,
        "preview": _preview(rows),
        "num_rows": len(rows),
        "num_tests": len(tests),
        "asking": asking,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/recipes/{recipe.name} -H 'Authorization: Bearer sk-luthier-…' "
        f"-H 'Content-Type: application/json' -d '{body}'",
        "python": f'client.post("/../api/v1/recipes/{recipe.name}", body={body}, cast_to=dict)',
    }
    return render(request, "datasets_app/recipe.html", context, status=form.status if form.errors else 200)


def _preview(rows: list[Row]) -> list[Row]:
    """Return a few rows of each kind."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.source, []).append(row)
    of_each = max(1, min(SHOWN_OF_EACH, SHOWN_ROWS // max(1, len(found))))
    return [row for group in found.values() for row in group[:: max(1, len(group) // of_each)][:of_each]]
