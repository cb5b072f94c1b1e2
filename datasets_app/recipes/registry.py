"""All recipes, in the order in which their cards stand: a new one joins by its line here."""

from typing import Any

from common.errors import NotFound
from datasets_app.messages import message
from datasets_app.recipes.base import Recipe
from datasets_app.recipes.identity import IDENTITY
from datasets_app.recipes.labels import LABELS
from datasets_app.recipes.output_format import FORMAT
from datasets_app.recipes.sentence import SENTENCE
from datasets_app.recipes.terms import TERMS
from datasets_app.recipes.tone import TONE

RECIPES: dict[str, Recipe[Any]] = {recipe.name: recipe for recipe in (IDENTITY, LABELS, FORMAT, TERMS, TONE, SENTENCE)}


def recipe_of(name: str) -> Recipe[Any]:
    """Return the recipe of this name; NotFound without one."""
    if name not in RECIPES:
        raise NotFound(message("no_such_recipe", name=repr(name[:40]), known=list(RECIPES)), param="recipe")
    return RECIPES[name]
