"""Downloads of tuned models: the card, and the adapter with the card in it."""

from typing import IO, cast

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from common.errors import NotFound
from common.zip_overlay import WithFile
from datasets_app.models import TrainingFile
from datasets_app.storage import store
from datasets_app.web.downloads import stream_response
from evaluations.messages import message
from evaluations.web.model_card import FILENAME, card_of
from jobs.models import TunedModel

PACKED = "adapter.zip"


def packed_adapter(model: TunedModel) -> TrainingFile | None:
    """Return the stored adapter that a card can be put into; None for a whole model."""
    return model.job.result_files.filter(filename=PACKED).first()


def card_response(model: TunedModel) -> HttpResponse:
    response = HttpResponse(card_of(model), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, FILENAME) or "attachment"
    return response


def adapter_response(model: TunedModel) -> StreamingHttpResponse:
    """Return the adapter's files and the card as it stands now, as one file."""
    file = packed_adapter(model)
    if file is None:
        raise NotFound(message("model_without_package", name=str(model.job)))
    stored = store.open_content(file)
    try:
        content = WithFile(stored, FILENAME, card_of(model))
    except BaseException:
        stored.close()
        raise
    return stream_response(cast(IO[bytes], content), num_bytes=content.num_bytes, name=f"{model.pk}.zip")
