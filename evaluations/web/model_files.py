"""Downloads of tuned models: the card, and the adapter with the card in it."""

import shutil
import tempfile
import zipfile
from typing import IO, cast

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from common.errors import NotFound
from datasets_app.models import TrainingFile
from datasets_app.storage import store
from datasets_app.web.downloads import stream_response
from evaluations.messages import message
from evaluations.web.model_card import FILENAME, card_of
from jobs.models import TunedModel

PACKED = "adapter.zip"
MOST_BYTES = 512 * 2**20
"""Of an adapter that the card is put into: the file is copied for it, and its own bytes never change."""


def packed_adapter(model: TunedModel) -> TrainingFile | None:
    """Return the stored adapter that a card can be put into; None for a whole model, or one that is too large."""
    return model.job.result_files.filter(filename=PACKED, bytes__lte=MOST_BYTES).first()


def card_response(model: TunedModel) -> HttpResponse:
    response = HttpResponse(card_of(model), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, FILENAME) or "attachment"
    return response


def adapter_response(model: TunedModel) -> StreamingHttpResponse:
    """Return the adapter's files and the card as it stands now, as one file."""
    file = packed_adapter(model)
    if file is None:
        raise NotFound(message("model_without_package", name=str(model.job)))
    content = _with_card(file, card_of(model))
    num_bytes = content.seek(0, 2)
    content.seek(0)
    return stream_response(content, num_bytes=num_bytes, name=f"{model.pk}.zip")


def _with_card(file: TrainingFile, card: str) -> IO[bytes]:
    scratch = settings.LUTHIER_HOME / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    copy = cast(IO[bytes], tempfile.TemporaryFile(dir=scratch))  # noqa: SIM115 - whoever sends it closes it
    try:
        with store.open_content(file) as content:
            shutil.copyfileobj(content, copy)
        with zipfile.ZipFile(copy, "a", zipfile.ZIP_STORED) as archive:
            archive.writestr(FILENAME, card)
    except BaseException:
        copy.close()
        raise
    return copy
