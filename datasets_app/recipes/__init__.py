"""Recipes: a goal, a few questions to its user, and out of the answers data, values and an acceptance test."""

from datasets_app.recipes.identity import LANGUAGES, TONES, Identity, QuestionnaireError

__all__ = ["LANGUAGES", "TONES", "Identity", "QuestionnaireError"]
