"""Graders in OpenAI's shapes: read from JSON, refused by name where something cannot be done, applied to answers.

graders = parse_graders([{"type": "string_check", …}])
requests = judge_requests(grader, item=…, sample=…)     # what a judge has to be asked; [] for most graders
result = grade(grader, item=…, sample=…, replies=[…])   # its replies, in the order of the requests
"""

from scoring.graders.grading import Grade, grade, judge_requests
from scoring.graders.parsing import parse_grader, parse_graders
from scoring.graders.shapes import (
    Grader,
    JudgeRequest,
    LabelModel,
    Multi,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from scoring.graders.template import sample_of

__all__ = [
    "Grade",
    "Grader",
    "JudgeRequest",
    "LabelModel",
    "Multi",
    "ScoreModel",
    "StringCheck",
    "TextSimilarity",
    "grade",
    "judge_requests",
    "parse_grader",
    "parse_graders",
    "sample_of",
]
