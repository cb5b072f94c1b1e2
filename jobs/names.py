"""How tuned models are called."""

import re

from common.errors import UserError
from jobs.messages import message
from jobs.models import FineTuningJob

SUFFIX_CHARACTERS = 64
SHORT_ID = 8
_UNSAFE = re.compile(r"[^\w.-]+")


def check_suffix(suffix: str) -> str:
    """Return `suffix`, or raise UserError for one that no name can carry."""
    if not isinstance(suffix, str) or len(suffix) > SUFFIX_CHARACTERS or not suffix.isprintable():
        raise UserError(
            message("suffix_refused", characters=SUFFIX_CHARACTERS),
            code="invalid_value",
            param="suffix",
        )
    return suffix.strip()


def model_name(job: FineTuningJob, *, is_long: bool = False) -> str:
    """Return ft:BASE:ORG:SUFFIX:ID as OpenAI does; the suffix may be empty. `is_long` takes the job's whole id."""
    suffix = _UNSAFE.sub("-", job.suffix).strip("-")
    unique = job.pk.removeprefix("ftjob-")
    return ":".join(("ft", job.base_model_id, job.team.slug, suffix, unique if is_long else unique[:SHORT_ID]))


def adapter_id(job: FineTuningJob) -> str:
    """Return the id of the job's result: the same however often it is asked for, so that publishing can be repeated."""
    return f"adapter-{job.pk.removeprefix('ftjob-')}"
