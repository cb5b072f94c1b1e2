"""What the routes of files, uploads and recipes read."""

from typing import Any

from rest_framework import serializers

from chat.system_choice import MAX_SYSTEM_CHARS
from common.fields import Checked, CheckedText, OpenFloatField
from common.reads import Body, Query
from datasets_app import uploads
from datasets_app.formats import NAMES as FORMATS
from datasets_app.formats.encodings import ENCODINGS
from datasets_app.models import EVERY_KEY
from datasets_app.recipes.base import Field, Recipe
from datasets_app.services import EXPIRES_IN
from datasets_app.shapes import NAMES as SHAPES
from datasets_app.storage.counting import PURPOSES
from datasets_app.versions.appending import MOST_ROWS as MOST_APPENDED
from datasets_app.versions.editing import MOST_EDITS
from datasets_app.versions.mixes import MOST_PARTS, MOST_WEIGHT
from datasets_app.versions.questions import ACTIONS, LEAVE_OUT
from datasets_app.versions.repairs import NAMES as REPAIRS
from datasets_app.versions.splits import MOST_SHARE, PARTS

MOST_FILES = 10_000
MOST_FAULTS = 1_000
MOST_ROWS = 100
FARTHEST = 2**53
"""No list here is that long."""


def _text(most: int, **options: Any) -> serializers.CharField:
    return serializers.CharField(max_length=most, **options)


def _one_of(choices: Any, most: int, *, may_be_empty: bool = False, **options: Any) -> CheckedText:
    """Return the field of a text that the use case knows to be one of `choices`."""
    kind = serializers.ChoiceField(choices=list(choices), allow_blank=may_be_empty)
    return CheckedText(kind, most=most, allow_blank=may_be_empty, **options)


class FileList(Query):
    after = _text(60, required=False)
    limit = serializers.IntegerField(default=MOST_FILES, min_value=1, max_value=MOST_FILES)
    order = serializers.ChoiceField(choices=["asc", "desc"], default="desc")
    purpose = _text(40, required=False)


class ExpiresAfter(serializers.Serializer[Any]):
    """OpenAI's policy of when a file is deleted."""

    anchor = _one_of(["created_at"], 40)
    seconds = Checked(
        serializers.IntegerField(min_value=EXPIRES_IN[0], max_value=EXPIRES_IN[1]), read=serializers.IntegerField()
    )


class NewFile(Body):
    """A file of rows, to be checked and learned from."""

    file = serializers.FileField()
    purpose = Checked(serializers.ChoiceField(choices=PURPOSES))
    expires_after = ExpiresAfter(required=False)
    unused = Checked(serializers.ChoiceField(choices=[LEAVE_OUT], allow_blank=True), required=False)
    """Answers beforehand what the file may ask."""

    example = {"file": "chats.jsonl", "purpose": "fine-tune"}


class NewPart(Body):
    """A part of an upload."""

    data = serializers.FileField()  # type: ignore[assignment]  # DRF takes it out of the class

    example = {"data": "chats.jsonl"}


class NewVersion(Body):
    """The next version of a file."""

    file = serializers.FileField()
    reason = serializers.CharField(required=False, allow_blank=True)
    unused = Checked(serializers.ChoiceField(choices=[LEAVE_OUT], allow_blank=True), required=False)

    example = {"file": "chats.jsonl", "reason": "More greetings"}


class NewUpload(Body):
    """OpenAI's announcement of a file that comes in parts."""

    bytes = Checked(serializers.IntegerField(min_value=1), read=serializers.IntegerField())
    filename = _text(1000)
    mime_type = _text(200, allow_blank=True)
    purpose = _one_of(PURPOSES, 100)
    expires_after = ExpiresAfter(required=False, allow_null=True)

    example = {"bytes": 1_048_576, "filename": "chats.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}


class Completion(Body):
    """The parts of an upload, in the order of the file."""

    part_ids = serializers.ListField(child=_text(60), max_length=uploads.MOST_PARTS)
    md5 = _text(100, required=False, allow_null=True)

    example = {"part_ids": ["part-1", "part-2"]}


class FaultList(Query):
    after = serializers.IntegerField(default=0, min_value=0, max_value=FARTHEST)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MOST_FAULTS)
    kind = _text(60, default="", allow_blank=True)


class FaultsContent(Query):
    format = serializers.ChoiceField(choices=["jsonl", "csv"], default="jsonl")


class RowList(Query):
    offset = serializers.IntegerField(default=0, min_value=0, max_value=FARTHEST)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=MOST_ROWS)
    search = _text(200, default="", allow_blank=True)
    kind = _text(60, default="", allow_blank=True)


class NewRows(Body):
    """Conversations that come after those that are there; each is OpenAI's `messages`."""

    rows = serializers.ListField(
        child=serializers.ListField(
            child=serializers.DictField(child=serializers.JSONField(allow_null=True)), min_length=1
        ),
        min_length=1,
        max_length=MOST_APPENDED,
    )
    reason = _text(300, required=False, allow_blank=True)

    example = {"rows": [[{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Xiaozhi."}]]}


class Edit(serializers.Serializer[Any]):
    """A row, by its number from 0, as OpenAI's `messages`; null removes it."""

    row = serializers.IntegerField(min_value=0, max_value=FARTHEST)
    messages = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField(allow_null=True)), min_length=1, allow_null=True
    )


_EDITS: dict[str, Any] = {"min_length": 1, "max_length": MOST_EDITS}


class EditedRows(Body):
    """Rows that are changed or removed."""

    edits = Edit(many=True, **_EDITS)
    reason = _text(300, required=False, allow_blank=True)

    example = {
        "edits": [
            {"row": 0, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]},
            {"row": 3, "messages": None},
        ]
    }


class TokenQuery(Query):
    model = _text(200)
    max_seq_len = serializers.IntegerField(required=False, min_value=8, max_value=1_000_000)
    system_prompt = _text(MAX_SYSTEM_CHARS, required=False)
    """As a job's: "default", "none" or a text; left out, what a job uses by default."""


class Comparison(Query):
    against = _text(60)


class NewRepair(Body):
    """Repairs to make, or with `preview` only to look at."""

    repairs = serializers.ListField(child=_one_of(REPAIRS, 60), min_length=1, max_length=20)
    values = serializers.DictField(child=_text(500, allow_blank=True), default=dict)
    preview = serializers.BooleanField(default=False)
    reason = _text(300, default="", allow_blank=True)

    example = {"repairs": ["fix_roles", "drop_faulty"], "preview": True}


class NewReading(Body):
    """How to read a file; or, alone, what becomes of keys that nothing reads."""

    format = _one_of(FORMATS, 40, required=False, may_be_empty=True)
    shape = _one_of(SHAPES, 60, required=False, may_be_empty=True)
    encoding = _one_of(ENCODINGS, 40, required=False, may_be_empty=True)
    columns = serializers.DictField(child=_text(200, allow_blank=True), required=False)
    unused = serializers.DictField(child=_one_of(ACTIONS, 20), required=False)
    """{KEY: "leave_out" | "question" | "system"}; the key "*" stands for all questions."""
    reason = _text(300, default="", allow_blank=True)

    example = {"unused": {EVERY_KEY: LEAVE_OUT}}


class Shares(serializers.Serializer[Any]):
    """The share of each part that is made, two at least; they are counted against their sum."""

    def get_fields(self) -> dict[str, Any]:
        return {name: OpenFloatField(above=0, below=MOST_SHARE, required=False) for name in PARTS}


class NewSplit(Body):
    """The parts to make of a file."""

    shares = Checked(Shares(), read=serializers.DictField(child=serializers.FloatField()))
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31)

    example = {"shares": {"train": 0.8, "validation": 0.1, "test": 0.1}, "seed": 0}


_PARTS: dict[str, Any] = {"min_length": 1, "max_length": MOST_PARTS}


class MixPart(serializers.Serializer[Any]):
    """A file of a mixture; weight 2 takes every row twice, 0.5 half of them."""

    file = _text(60)
    weight = Checked(OpenFloatField(above=0, max_value=MOST_WEIGHT), read=serializers.FloatField(), default=1.0)


class NewMixture(Body):
    """The files of a mixture."""

    parts = Checked(MixPart(many=True, **_PARTS), read=MixPart(many=True))
    filename = _text(200, default="mixture.jsonl")
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31)

    example = {"parts": [{"file": "file-1", "weight": 2}, {"file": "file-2"}], "filename": "both.jsonl"}


def answers_body(recipe: Recipe[Any]) -> type[Body]:
    """Return what the route of a recipe reads: its questionnaire's answers, and a file to complete with the rows."""
    fields: dict[str, Any] = {field.name: _answer(recipe, field) for field in recipe.fields}
    fields["file"] = _text(60, required=False, allow_null=True)
    doc = f"The answers of the recipe {recipe.name}; without `file` a new data set is made."
    return type(f"{recipe.name.title()}Answers", (Body,), {"__doc__": doc, "example": recipe.example, **fields})


def _answer(recipe: Recipe[Any], field: Field) -> serializers.Field[Any, Any, Any, Any]:
    needed: dict[str, Any] = {"required": field.is_required}
    match field.kind:
        case "text" | "long" | "model":
            return CheckedText(
                _text(field.most), most=max(1000, field.most), allow_blank=not field.is_required, **needed
            )
        case "choice":
            return _one_of(field.choices, 40, **needed)
        case "list":
            return serializers.ListField(child=_one_of(field.choices, 20), max_length=20, **needed)
        case "lines":
            return serializers.ListField(child=_text(field.most), max_length=field.most_rows, **needed)
    cells = {name: _text(field.most, allow_blank=name in field.may_be_empty, required=name not in field.may_be_empty)
             for name in field.columns}  # fmt: skip
    row = type(
        f"{recipe.name.title()}{field.name.title()}Row",
        (serializers.Serializer,),
        {"__doc__": str(field.label), **cells},
    )
    return row(many=True, max_length=field.most_rows, **needed)  # type: ignore[no-any-return]
