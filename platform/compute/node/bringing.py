"""Brings the base model of a Run to the node that the Run is on, and says how far it is as what the Run waits for."""

from catalogue.models import BaseModel
from catalogue.services import AlreadyFetching, Progress, StorageAway, fetch_model, prove
from common.errors import UserError
from compute.explanations import Explanation
from compute.models import Run
from compute.work import TryAgain, WorkError


def bring_model(base: BaseModel, run: Run) -> None:
    """Have `base` on this node, whole and proven; WorkError when that cannot be, TryAgain when not now."""
    try:
        if base.is_present and not base.path.is_dir():
            _tell(run, {"code": "model", "model": base.id, "percent": 0})
            fetch_model(base=base, progress=Progress(report=lambda done, total: _report(run, base, done, total)))
        _tell(run, {"code": "proving", "model": base.id})
        prove(base)
        _tell(run, {})
    except (AlreadyFetching, StorageAway) as error:
        raise TryAgain(str(error.message)) from error
    except UserError as error:
        raise WorkError(error.message, code=error.code) from error


def _report(run: Run, base: BaseModel, done: int, total: int) -> None:
    _tell(run, {"code": "model", "model": base.id, "percent": min(100, 100 * done // max(1, total))})


def _tell(run: Run, explanation: Explanation) -> None:
    Run.objects.filter(pk=run.pk, state=Run.State.STARTING).update(explanation=explanation)
