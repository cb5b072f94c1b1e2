"""The page on which somebody reads rows, changes what is wrong, and removes what does not belong."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.forms import PageForm
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.rows.pages import RowView
from datasets_app.web.tabs import SHOWN_ROWS, number_of
from datasets_app.web.views import file_of

LONGEST_TEXT = 100_000
MOST_LINES, LINE_CHARS = 12, 60


class RowsForm(PageForm):
    """The texts of some rows, each with a box that removes its row."""

    def __init__(self, data: Any = None, *, rows: list[RowView]) -> None:
        super().__init__(data)
        self._rows = [row for row in rows if row.number is not None and row.example and row.example.conversation]
        for row in self._rows:
            self.fields[f"remove-{row.number}"] = forms.BooleanField(label=_("Remove this row"), required=False)
            for place, said in enumerate(_messages(row)):
                if isinstance(said.get("content"), str):
                    self.fields[f"row-{row.number}-{place}"] = forms.CharField(
                        label=str(said["role"]),
                        initial=said["content"],
                        required=False,
                        strip=False,
                        max_length=LONGEST_TEXT,
                        widget=forms.Textarea(attrs={"rows": _num_lines(said["content"])}),
                    )

    def clean(self) -> dict[str, Any]:
        edits: dict[int, Any] = {}
        for row in self._rows:
            assert row.number is not None
            messages = _messages(row)
            for place, said in enumerate(messages):
                written = self.cleaned_data.get(f"row-{row.number}-{place}")
                if written is not None and _with_plain_ends(written) != _with_plain_ends(said["content"]):
                    said["content"] = _with_plain_ends(written)
            if self.cleaned_data.get(f"remove-{row.number}"):
                edits[row.number] = None
            elif messages != _messages(row):
                edits[row.number] = messages
        return {"edits": edits}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return each row with its box and the fields of its texts."""
        return [
            {
                "row": row,
                "remove": self[f"remove-{row.number}"],
                "texts": [self[name] for name in self.fields if name.startswith(f"row-{row.number}-")],
            }
            for row in self._rows
        ]


@needs(Role.MEMBER)
@login_required
@require_http_methods(["GET", "POST"])
def edit_rows(request: PageRequest, file_id: str) -> HttpResponse:
    """Show some rows as fields; what was changed or removed becomes the next version."""
    file = file_of(request, file_id)
    offset = number_of(request.GET.get("offset"), default=0)
    page = services.page_of_rows(file, offset=offset, limit=SHOWN_ROWS)
    if request.method == "GET":
        return _page(request, file, offset, RowsForm(rows=page.rows), page)
    form = RowsForm(request.POST, rows=page.rows)

    def edit(edits: dict[int, Any]) -> HttpResponse:
        if not edits:
            return redirect("dataset", file.pk)
        return redirect("dataset", services.edit_rows(file=file, edits=edits, by=request.user).pk)

    return form.answer_once(request, edit) or _page(request, file, offset, form, page)


def _page(
    request: PageRequest, file: TrainingFile, offset: int, form: RowsForm, page: services.RowPage
) -> HttpResponse:
    context = {
        "file": file,
        "form": form,
        "offset": offset,
        "previous": max(0, offset - SHOWN_ROWS) if offset else None,
        "next": page.next_offset,
        "total": page.total,
        "curl": f"curl -X PATCH {settings.PUBLIC_URL}/api/v1/files/{file.pk}/rows "
        "-H 'Authorization: Bearer sk-luthier-…' -H 'Content-Type: application/json' "
        '-d \'{"edits": [{"row": 3, "messages": null}]}\'',
        "python": f'client.patch("/../api/v1/files/{file.pk}/rows", '
        'body={"edits": [{"row": 3, "messages": None}]}, cast_to=dict)',
    }
    return render(request, "datasets_app/edit.html", context, status=form.status if form.errors else 200)


def _with_plain_ends(text: str) -> str:
    """Return a text as it was before a browser ended its lines in its own way."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _num_lines(text: str) -> int:
    """Return how many lines a text takes, about, from two to twelve."""
    return min(MOST_LINES, max(2, sum(1 + len(line) // LINE_CHARS for line in text.splitlines())))


def _messages(row: RowView) -> list[dict[str, Any]]:
    """Return the row's messages, anew each time."""
    assert row.example is not None
    assert row.example.conversation is not None
    return [dict(said) for said in row.example.conversation.to_openai()]
