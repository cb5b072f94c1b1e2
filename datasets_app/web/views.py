"""The pages of data sets: list, upload, one set with its tabs, download and deletion."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Team
from accounts.requests import PageRequest
from accounts.roles import RoleNeeded
from common.errors import NotFound, UserError
from common.forms import PageForm
from common.lists import page_of, search_of
from common.wording import in_words
from datasets_app import services
from datasets_app.checking.notes import templates_of, unused_of
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.recipes.registry import RECIPES
from datasets_app.shapes.unused import BESIDE
from datasets_app.uploads import PART_BYTES
from datasets_app.versions.questions import questions_of
from datasets_app.web.columns import question_of
from datasets_app.web.downloads import faults_response, file_response
from datasets_app.web.forms import FileForm, MixForm, UnusedForm
from datasets_app.web.tabs import TABS
from datasets_app.web.words import ACCEPTED, recognised, sentence_of, status_of

SHOWN_FILES = 100


@login_required
@require_GET
def datasets(request: PageRequest) -> HttpResponse:
    return list_page(request)


def shown_files(team: Team) -> list[TrainingFile]:
    return list(_files_of(team).defer("recipe")[:SHOWN_FILES])


def _files_of(team: Team) -> QuerySet[TrainingFile]:
    return TrainingFile.objects.visible_to(team).filter(purpose="fine-tune")


def mix_form(files: Iterable[TrainingFile], data: QueryDict | None = None) -> MixForm:
    """Return the form that mixes those of `files` that can be."""
    mixable = [file for file in files if file.is_processed and file.use != "text" and not file.unanswered]
    return MixForm(data, files=mixable)


def list_page(request: PageRequest, *, form: MixForm | None = None, error: str = "", status: int = 200) -> HttpResponse:
    every = _files_of(request.team)
    text, found = search_of(request), every.defer("recipe")
    if text:
        found = found.filter(Q(filename__icontains=text) | Q(pk=text))
    files, narrowed = page_of(request, found, size=SHOWN_FILES, every=every, q=text)
    context = {
        **narrowed,
        "files": [{"file": file, "status": status_of(file)} for file in files],
        "form": form or mix_form(shown_files(request.team) if narrowed["is_narrowed"] else files),
        **ACCEPTED,
        "limit_bytes": settings.MAX_UPLOAD_BYTES,
        "part_bytes": PART_BYTES,
        "form_bytes": settings.MAX_BODY_BYTES,
        "error": error,
        "curl": f"curl {settings.PUBLIC_URL}/v1/files -H 'Authorization: Bearer sk-luthier-…' "
        "-F purpose=fine-tune -F file=@chats.jsonl",
        "python": 'file = client.files.create(file=open("chats.jsonl", "rb"), purpose="fine-tune")',
    }
    return render(request, "datasets_app/list.html", context, status=status)


@login_required
@require_POST
def upload_dataset(request: PageRequest) -> HttpResponse:
    """Take the form's file from a browser without scripts; with scripts it goes to /v1/files in a stream."""

    def create(file: UploadedFile) -> HttpResponse:
        name = file.name or "data.jsonl"
        made = services.create_file(team=request.team, by=request.user, filename=name, purpose="fine-tune", stream=file)
        return redirect("dataset", made.id)

    form = FileForm(request.POST, files=request.FILES)
    return form.answer_once(request, create) or list_page(request, error=" ".join(form.refusals), status=form.status)


@login_required
@require_GET
def dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Show one data set: its verdict, and one of its tabs."""
    return dataset_page(request, file_of(request, file_id), tab=request.GET.get("tab", ""))


def dataset_page(
    request: PageRequest, file: TrainingFile, *, tab: str, status: int = 200, **refused: PageForm
) -> HttpResponse:
    """Return the page of `file`, with forms that were refused in the place of empty ones."""
    if tab not in TABS or file.status == TrainingFile.Status.UPLOADED:
        tab = "faults" if file.num_faults or file.progress.get("faults") else "rows"
    context: dict[str, object] = {
        "file": file,
        "tab": tab,
        "status": status_of(file),
        "sentence": sentence_of(file),
        "recognised": recognised(file),
        **_unused(file),
        "templates": templates_of(file),
        "question": question_of(file, request.GET),
        "num_looks": (file.num_faults or 0) + (file.statistics or {}).get("num_notes", 0),
        **_recipe(file),
        **TABS[tab](request, file),
        **refused,
    }
    return render(request, "datasets_app/detail.html", context, status=status)


def _recipe(file: TrainingFile) -> dict[str, object]:
    """Return what a data set that a recipe made teaches, and what is asked afterwards."""
    found = services.acceptance_of(file)
    if found is None:
        return {}
    asked = [{"text": test.messages[-1]["content"], "expected": test.expected} for test in found.tests]
    return {"recipe": RECIPES[found.recipe].sentences, "questions_after": asked}


def _unused(file: TrainingFile) -> dict[str, object]:
    """Return what is not used: asked about, reported, or, where people keep it for themselves, only mentioned."""
    questions = questions_of(file)
    asked = {question.name for question in questions}
    told = [note for note in unused_of(file) if note.params["name"] not in asked]
    return {
        "questions": questions,
        "unused_form": UnusedForm(questions=questions),
        "unused": [note for note in told if note.params["name"] not in BESIDE],
        "beside": [note for note in told if note.params["name"] in BESIDE],
    }


@login_required
@require_POST
def delete_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    file = file_of(request, file_id)
    try:
        services.delete_file(file=file, by=request.user)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
        return redirect("dataset", file_id)
    messages.success(request, _("%(name)s was deleted.") % {"name": file.filename})
    return redirect("datasets")


@login_required
@require_http_methods(["GET", "HEAD"])
def download_dataset(request: PageRequest, file_id: str) -> HttpResponseBase:
    return file_response(file_of(request, file_id))


@login_required
@require_http_methods(["GET", "HEAD"])
def download_faults(request: PageRequest, file_id: str) -> HttpResponseBase:
    return faults_response(file_of(request, file_id), as_csv=True)


def file_of(request: PageRequest, file_id: str) -> TrainingFile:
    file = TrainingFile.objects.visible_to(request.team).filter(pk=file_id).first()
    if file is None:
        raise NotFound(message("no_such_data_set"), code="file_not_found")
    return file
