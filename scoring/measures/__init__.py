"""Measures on generated answers. Each reduces a row to a few numbers whose sums give the figure of any set of rows."""

from scoring.measures.base import Array, Figure, Measure
from scoring.measures.choosing import MEASURES, measure

__all__ = ["MEASURES", "Array", "Figure", "Measure", "measure"]
