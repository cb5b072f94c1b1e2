"""The forms of a data set that make another one: repair, reading, split, mixture, next version."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.requests import PageRequest
from common.forms import refused
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.versions.questions import questions_of
from datasets_app.web.forms import ReadingForm, RepairForm, SplitForm, UnusedForm, VersionForm
from datasets_app.web.views import dataset_page, file_of, list_page, mix_form, shown_files


@login_required
@require_POST
def repair_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Make a repaired version and go to it."""
    file = file_of(request, file_id)

    def repair(names: list[str], values: dict[str, str]) -> HttpResponse:
        made, _outcome = services.repair_file(file=file, names=names, values=values, by=request.user)
        return redirect("dataset", made.id)

    form = RepairForm(request.POST)
    page = f"{reverse('dataset', args=[file_id])}?tab=faults"
    return form.answer_once(request, repair) or refused(request, form, page)


@login_required
@require_POST
def read_dataset_as(request: PageRequest, file_id: str) -> HttpResponse:
    """Read the file as the form says, or leave out what it asks about, and go to what comes of it."""
    file = file_of(request, file_id)
    if UnusedForm.is_in(request.POST):
        unused = UnusedForm(request.POST, questions=questions_of(file))

        def use(answers: dict[str, str]) -> HttpResponse:
            return redirect("dataset", services.answer_unused(file=file, answers=answers, by=request.user).id)

        return unused.answer_once(request, use) or dataset_page(
            request, file, tab="rows", status=unused.status, unused_form=unused
        )

    def read(reading: dict[str, Any]) -> HttpResponse:
        return redirect("dataset", services.read_again(file=file, reading=reading, by=request.user).id)

    form = ReadingForm(request.POST)
    return form.answer_once(request, read) or dataset_page(
        request, file, tab="about", status=form.status, reading_form=form
    )


@login_required
@require_POST
def split_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Split into the parts whose share was given in percent, and go to the list."""
    file = file_of(request, file_id)

    def split(shares: dict[str, float]) -> HttpResponse:
        services.split_file(file=file, shares=shares, seed=0, by=request.user)
        return redirect("datasets")

    form = SplitForm(request.POST)
    return form.answer_once(request, split) or dataset_page(
        request, file, tab="about", status=form.status, split_form=form
    )


@login_required
@require_POST
def mix_datasets(request: PageRequest) -> HttpResponse:
    """Mix the sets that were chosen with their weights, and go to the mixture."""

    def mix(parts: list[tuple[TrainingFile, float]], filename: str) -> HttpResponse:
        name = services.safe_filename(filename)
        return redirect("dataset", services.mix_files(parts=parts, filename=name, seed=0, by=request.user).id)

    form = mix_form(shown_files(request.team), request.POST)
    return form.answer_once(request, mix) or list_page(request, form=form, status=form.status)


@login_required
@require_POST
def upload_version(request: PageRequest, file_id: str) -> HttpResponse:
    """Store the form's file as the next version and go to it; as `upload_dataset` for browsers without scripts."""
    parent = file_of(request, file_id)

    def create(file: UploadedFile, reason: str) -> HttpResponse:
        name = file.name or parent.filename
        made = services.create_version(parent=parent, by=request.user, filename=name, stream=file, reason=reason)
        return redirect("dataset", made.id)

    form = VersionForm(request.POST, files=request.FILES)
    page = f"{reverse('dataset', args=[file_id])}?tab=about"
    return form.answer_once(request, create) or refused(request, form, page)
