"""The forms of a data set that make another one: repair, reading, split, mixture, next version."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.requests import PageRequest
from common.errors import UserError
from common.idempotency import once
from common.wording import in_words
from datasets_app import services
from datasets_app.messages import message
from datasets_app.versions.splits import PARTS
from datasets_app.web.tabs import number_of, values_of
from datasets_app.web.views import file_of


@login_required
@require_POST
def repair_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Make a repaired version and go to it."""
    file = file_of(request, file_id)

    def create() -> HttpResponse:
        made, _outcome = services.repair_file(
            file=file, names=request.POST.getlist("repair"), values=values_of(request.POST), by=request.user
        )
        return redirect("dataset", made.id)

    return _made(request, create, f"{reverse('dataset', args=[file_id])}?tab=faults")


@login_required
@require_POST
def read_dataset_as(request: PageRequest, file_id: str) -> HttpResponse:
    """Read the file as the form says, or leave out what it asks about, and go to what comes of it."""
    file = file_of(request, file_id)
    answers = {
        name.removeprefix("unused-"): str(said)
        for name, said in request.POST.items()
        if name.startswith("unused-") and said
    }
    columns = {name: request.POST.get(f"column-{name}", "").strip() for name in ("prompt", "answer", "system")}
    reading = {name: request.POST.get(name, "") for name in ("format", "shape", "encoding")} | {"columns": columns}

    def create() -> HttpResponse:
        if answers:
            made = services.answer_unused(file=file, answers=answers, by=request.user)
        else:
            made = services.read_again(file=file, reading=reading, by=request.user)
        return redirect("dataset", made.id)

    return _made(request, create, f"{reverse('dataset', args=[file_id])}?tab={'rows' if answers else 'about'}")


@login_required
@require_POST
def split_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Split into the parts whose share was given in percent, and go to the list."""
    file = file_of(request, file_id)
    shares = {name: float(share) for name in PARTS if (share := number_of(request.POST.get(name), default=0))}

    def create() -> HttpResponse:
        services.split_file(
            file=file, shares=shares, seed=number_of(request.POST.get("seed"), default=0), by=request.user
        )
        return redirect("datasets")

    return _made(request, create, f"{reverse('dataset', args=[file_id])}?tab=about")


@login_required
@require_POST
def mix_datasets(request: PageRequest) -> HttpResponse:
    """Mix the sets that were chosen with their weights, and go to the mixture."""

    def create() -> HttpResponse:
        parts = [(file_of(request, file_id), _weight(request, file_id)) for file_id in request.POST.getlist("file")]
        name = services.safe_filename(request.POST.get("filename") or "mixture.jsonl")
        return redirect("dataset", services.mix_files(parts=parts, filename=name, seed=0, by=request.user).id)

    return _made(request, create, reverse("datasets"))


def _made(request: PageRequest, create: Callable[[], HttpResponse], page: str) -> HttpResponse:
    """Return `create()`'s redirect, once for one form; what is refused is said on `page`."""
    try:
        return once(request, create)
    except UserError as error:
        messages.error(request, in_words(error.message))
        return redirect(page)


def _weight(request: PageRequest, file_id: str) -> float:
    try:
        return float(request.POST.get(f"weight-{file_id}") or 1)
    except ValueError:
        return 0.0


@login_required
@require_POST
def upload_version(request: PageRequest, file_id: str) -> HttpResponse:
    """Store the form's file as the next version and go to it; as `upload_dataset` for browsers without scripts."""
    file, upload = file_of(request, file_id), request.FILES.get("file")

    def create() -> HttpResponse:
        if upload is None:
            raise UserError(message("choose_a_file"), code="missing_file", param="file")
        made = services.create_version(
            parent=file,
            by=request.user,
            filename=upload.name or file.filename,
            stream=upload,
            reason=request.POST.get("reason", ""),
        )
        return redirect("dataset", made.id)

    return _made(request, create, f"{reverse('dataset', args=[file_id])}?tab=about")
