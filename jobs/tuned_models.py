"""Tuned models: their names, and where they are on this machine's disk."""

import os
import re
from collections import Counter
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from common import artifacts
from common.errors import NotFound, UserError
from common.texts import is_storable
from jobs.messages import message
from jobs.models import Checkpoint, FineTuningJob, TunedModel
from ledger.storage import counts
from rundir import ManifestError, sha256_of_file
from rundir.manifest import NAME as MANIFEST
from wording import as_written

SUFFIX_CHARACTERS = 64
SHORT_ID = 8
OFFERED = 50
LONGEST_NAME = 120
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


@transaction.atomic
def rename_job(*, job: FineTuningJob, by: User, name: str) -> FineTuningJob:
    """Call the job and its model `name`; "" goes back to the name that is made from data and base.

    That is for people: what the model is called at the API stays.
    """
    name = name.strip()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(message("name_refused", characters=LONGEST_NAME), code="invalid_value", param="name")
    locked = FineTuningJob.objects.select_for_update(of=("self",)).select_related("team", "base_model").get(pk=job.pk)
    require_own(by=by, team=locked.team, author_id=locked.created_by_id)
    if locked.name == name:
        return locked
    before, locked.name = locked.name, name
    FineTuningJob.objects.filter(pk=locked.pk).update(name=name)
    AuditEvent.record(
        actor=by, team=locked.team, action="job.renamed", target=locked.pk, before={"name": before}, name=name
    )
    return locked


def get_model(*, team: Team, model_id: str) -> TunedModel:
    """Return a tuned model of `team`, by its id or by its name at the API; NotFound for everybody else's."""
    models = TunedModel.objects.visible_to(team).live().filter(Q(pk=model_id) | Q(name=model_id))
    parts = ("team", "base_model", "job__team", "job__base_model", "job__training_file", "job__validation_file")
    model = models.select_related(*parts).first() if is_storable(model_id) else None
    if model is None:
        raise NotFound(message("no_such_model", model=model_id[:80]), code="model_not_found", param="model_id")
    return model


def offered_models(team: Team) -> list[tuple[str, str]]:
    """Return (name at the API, what people call it) of the team's newest models, for a list to choose from."""
    newest = TunedModel.objects.visible_to(team).live().select_related("job__base_model")[:OFFERED]
    called = Counter(str(model.job) for model in newest)
    return [
        (
            model.name,
            str(model.job)
            if called[str(model.job)] == 1
            else f"{model.job} ({model.job_id.removeprefix('ftjob-')[:SHORT_ID]})",
        )
        for model in newest
    ]


def local_folder(adapter: TunedModel) -> Path:
    """Return the folder of `adapter` on this machine, fetched from storage and verified when it is not here.

    UserError when storage has lost or damaged it, or when it was deleted; errors of a storage that is away pass
    through.
    """
    folder: Path = settings.LUTHIER_HOME / "adapters" / adapter.pk
    _require_live(adapter)
    try:
        artifacts.fetch_folder(adapter.storage_name, folder)
        if sha256_of_file(folder / MANIFEST) != adapter.sha256:
            raise ManifestError(message("adapter_files_differ", name=adapter.name))
        os.utime(folder / MANIFEST)  # when it was last used
    except (ManifestError, FileNotFoundError) as error:
        _require_live(adapter)  # deleted while it was fetched
        reason = error.message if isinstance(error, ManifestError) else as_written(error)
        said = message("adapter_not_loaded", name=adapter.name, reason=reason)
        raise UserError(said, code="adapter_damaged", status=500) from error
    _require_live(adapter)
    return folder


def _require_live(adapter: TunedModel) -> None:
    if not TunedModel.objects.live().filter(pk=adapter.pk).exists():
        raise UserError(message("model_was_deleted", name=adapter.name), code="model_deleted", status=410)


@counts("models", title=_("Tuned models and checkpoints"), way_out=message("delete_models"))
def stored_models(team: Team) -> int:
    """Return the bytes of what object storage still has of a team's trainings."""
    models = TunedModel.objects.filter(team=team, erased_at=None)
    checkpoints = Checkpoint.objects.filter(job__team=team).exclude(published_at=None)
    return sum(rows.aggregate(sum=Sum("bytes"))["sum"] or 0 for rows in (models, checkpoints))
