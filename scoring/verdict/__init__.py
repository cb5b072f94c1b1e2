"""The verdict on a training: one light, what was found, and what to do next."""

from scoring.verdict.deciding import verdict
from scoring.verdict.evidence import Evidence, Gain, General, HeldOutLoss, Point, Tally, leaked_rows, tallies_of
from scoring.verdict.finding import Code, Finding, Fix, Light, StoredFinding, StoredVerdict, Verdict

__all__ = [
    "Code",
    "Evidence",
    "Finding",
    "Fix",
    "Gain",
    "General",
    "HeldOutLoss",
    "Light",
    "Point",
    "StoredFinding",
    "StoredVerdict",
    "Tally",
    "Verdict",
    "leaked_rows",
    "tallies_of",
    "verdict",
]
