"""Hyperparameters: what each means, which values it takes, and what "auto" is for this model, data and device."""

from jobs.hyperparameters.asked import OPENAI, STANDS_FOR, chosen_names, parameter_of, read_asked
from jobs.hyperparameters.automatic import Situation, longest_automatic, needs_validation
from jobs.hyperparameters.consistency import check_names, check_together
from jobs.hyperparameters.parameter import AUTO, Parameter
from jobs.hyperparameters.resolving import Layout, Resolved, lay_out, openai_values, resolve, round_up
from jobs.hyperparameters.table import BY_NAME, PARAMETERS, find
from jobs.hyperparameters.values import Asked, Value, Values

__all__ = [
    "AUTO",
    "BY_NAME",
    "OPENAI",
    "PARAMETERS",
    "STANDS_FOR",
    "Asked",
    "Layout",
    "Parameter",
    "Resolved",
    "Situation",
    "Value",
    "Values",
    "check_names",
    "check_together",
    "chosen_names",
    "find",
    "lay_out",
    "longest_automatic",
    "needs_validation",
    "openai_values",
    "parameter_of",
    "read_asked",
    "resolve",
    "round_up",
]
