"""How many bytes of a team's files are in storage."""

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from datasets_app.messages import message
from datasets_app.models import TrainingFile, Upload
from ledger.storage import counts

TRAINING, BATCH, EVALS = "fine-tune", "batch", "evals"
PURPOSES = (TRAINING, BATCH, EVALS)
"""For which files are uploaded."""


@counts("data", title=_("Data sets"), way_out=message("delete_data_sets"))
def data(team: Team) -> int:
    """Return the bytes of data sets and of batches' requests, and of uploads by what was announced."""
    files = TrainingFile.objects.filter(team=team, purpose__in=PURPOSES)
    pending = Upload.objects.filter(team=team, status=Upload.Status.PENDING)
    return sum(rows.aggregate(sum=Sum("bytes"))["sum"] or 0 for rows in (files, pending))


@counts("results", title=_("Result files"), way_out=message("delete_results"))
def results(team: Team) -> int:
    found = TrainingFile.objects.filter(team=team).exclude(purpose__in=PURPOSES)
    return found.aggregate(sum=Sum("bytes"))["sum"] or 0
