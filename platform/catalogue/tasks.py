"""Wake-ups of the catalogue."""

from contextlib import suppress
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from catalogue.downloading import fetch_model
from catalogue.models import BaseModel
from catalogue.placing import publish_or_log
from catalogue.proving import prove_all_here
from common.errors import UserError
from common.wake import wake

CARE = "catalogue.care_for_models"
SILENT_SECONDS = 60
"""A download that has not moved for so long lost its worker, or its wake-up, and is asked for again."""


@shared_task(name="catalogue.download_model")
def download_model(model_id: str) -> None:
    """Fetch a model that is marked as downloading; failures are recorded in its row."""
    base = BaseModel.objects.downloading().filter(pk=model_id).first()
    if base is not None:
        with suppress(UserError):
            fetch_model(base=base)


@shared_task(name="catalogue.resume_downloads")
def resume_downloads() -> None:
    """Wake downloads that no worker is running; a live one holds its lock, so waking it does nothing."""
    silent = timezone.now() - timedelta(seconds=SILENT_SECONDS)
    for base in BaseModel.objects.downloading().filter(progress_at__lt=silent):
        wake(download_model, base.id)


@shared_task(name=CARE)
def care_for_models() -> None:
    """Prove the models on this machine whose proof is old, and publish those that object storage lacks.

    Each node is asked to do so as well.
    """
    prove_all_here()
    for base in BaseModel.objects.present():
        publish_or_log(base)


PERIODIC = {
    "resume-downloads": ("catalogue.tasks.resume_downloads", 30),
    "care-for-models": ("catalogue.tasks.care_for_models", 600),
}
