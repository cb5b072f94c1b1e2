"""Fetching a model with its row kept up to date."""

import logging
import shutil
from pathlib import Path

from catalogue.fetching import AlreadyFetching, fetch
from catalogue.messages import message
from catalogue.models import BaseModel
from catalogue.placing import publish_or_log
from catalogue.progress import Progress
from common.errors import UserError

logger = logging.getLogger(__name__)

BROKE_OFF = message("fetch_broke_off")


def fetch_model(*, base: BaseModel, progress: Progress | None = None, again: bool = False) -> BaseModel:
    """Fetch `base` in this process, recording in its row and `progress` how far it is; raise UserError when it fails.

    A model that is present elsewhere comes to this machine as it is there; `again` replaces what is here. A failure is
    written to the row, unless another process is fetching the same model.
    """
    base.refresh_from_db()
    if again:
        remove_copy(base)
    if base.is_present:
        if not base.path.is_dir():
            fetch(base, progress or Progress())  # only a copy: the row tells of the whole platform
        return base
    require_licence(base)
    told = progress or Progress()

    def report(done: int, total: int) -> None:
        base.mark_progress(done=done, total=total)
        told.report(done, total)

    if base.state != BaseModel.State.DOWNLOADING:
        base.mark_downloading()
    try:
        sha256 = fetch(base, Progress(report=report, say=told.say))
    except AlreadyFetching:
        raise
    except UserError as error:
        base.mark_not_fetched(error.message, code=error.code)
        raise
    except Exception:
        logger.exception("Fetching %s failed", base.id)
        base.mark_not_fetched(BROKE_OFF, code="internal_error")
        raise
    base.mark_present(folder=base.id, sha256=sha256)
    publish_or_log(base)
    return base


def remove_copy(base: BaseModel) -> None:
    """Delete this machine's copy of `base`; UserError for a folder that was registered here."""
    if base.path == Path(base.folder):
        raise UserError(message("registered_folder", model=base.id))
    shutil.rmtree(base.path, ignore_errors=True)


def require_licence(base: BaseModel) -> None:
    """Raise UserError while the licence of `base` waits for an administrator."""
    if not base.licence_is_open:
        said = message("licence_not_accepted", name=base.display_name, licence=base.licence, url=base.licence_url)
        raise UserError(said, param="accept_licence", status=403)
