"""What pages say about data sets: words and sentences. Nothing here changes anything."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.marks import Mark
from common.wording import in_words
from datasets_app.formats import FORMATS, PACKED, SUFFIXES
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.shapes import SHAPES
from datasets_app.shapes.template_notes import TEMPLATE

LAYOUTS = {form.name: form.label for form in FORMATS}
ACCEPTED = {
    "accept": ",".join((*SUFFIXES, *PACKED)),
    "suffixes": ", ".join(SUFFIXES),
    "packed": ", ".join(PACKED),
}
"""What a page with an upload says of the files that it takes."""
SHOWN_NAMES = 3
STATUSES = {
    "uploaded": ("busy", "loader"),
    "processed": ("ok", "circle-check"),
    "error": ("bad", "circle-x"),
}


def status_of(file: TrainingFile) -> Mark:
    """Return the file's state as icon, colour and word."""
    words = {"uploaded": _("Being checked"), "processed": _("Ready"), "error": _("Needs a look")}
    if file.unanswered:
        return {"kind": "wait", "icon": "alert-circle", "word": _("Needs your answer")}
    kind, icon = STATUSES[file.status]
    return {"kind": kind, "icon": icon, "word": words[file.status]}


def sentence_of(file: TrainingFile) -> str:
    """Say in words what the check found."""
    if file.is_being_made and file.bytes:  # which are known: they are joined or copied
        percent = round(100 * file.progress.get("bytes", 0) / file.bytes)
        return _("Storing the file: %(percent)s %% so far.") % {"percent": percent}
    if file.is_being_made and "teacher" in file.made:
        return _("Waiting for the teacher's answers, which become the rows.")
    if file.is_being_made:
        return _("Building it: %(rows)s rows so far.") % {"rows": f"{file.progress.get('rows', 0):,}"}
    if file.status == "uploaded":
        rows = file.progress.get("rows")
        if not rows:
            return _("Checking every line.")
        return _("Checking every line: %(rows)s rows so far, %(percent)s %% of the file.") % {
            "rows": f"{rows:,}",
            "percent": round(100 * file.progress.get("bytes", 0) / max(1, file.bytes)),
        }
    if file.status == "error":
        count = file.num_faults or 0
        if count <= 1:  # the one fault is told whole: it may be the file's, and no row's
            return _only_fault(file) or in_words(file.status_details)
        return ngettext(
            "%(count)s row cannot be used for training. Repair the file here, or fix it and upload it again.",
            "%(count)s rows cannot be used for training. Repair the file here, or fix it and upload it again.",
            count,
        ) % {"count": f"{count:,}"}
    return _ready(file)


def _only_fault(file: TrainingFile) -> str:
    """Say what the one fault of a file is, and where, if it is that of one row; "" where it is not kept."""
    fault = file.faults.filter(level="fault").first()
    if fault is None:
        return ""
    said = fault.message.followed_by(fault.hint)
    if fault.line is None or not file.num_rows:
        return in_words(said)
    return in_words(message("on_line", line=fault.line, message=said))


def _ready(file: TrainingFile) -> str:
    rows, notes = file.num_rows or 0, (file.statistics or {}).get("num_notes", 0)
    chats = (file.statistics or {}).get("notes", {}).get(TEMPLATE, 0)
    if file.unanswered:
        ready = ngettext("Checked: %(count)s row.", "Checked: %(count)s rows.", rows)
    elif file.use == "text" and chats:
        ready = ngettext(
            "Ready: %(count)s row of text, %(chats)s of it written in another model's chat template.",
            "Ready: %(count)s rows of text, %(chats)s of them written in another model's chat template.",
            rows,
        )
    elif file.use == "text":
        ready = ngettext("Ready: %(count)s passage of text.", "Ready: %(count)s passages of text.", rows)
    else:
        ready = ngettext("Ready: %(count)s conversation.", "Ready: %(count)s conversations.", rows)
    sentences = [ready % {"count": f"{rows:,}", "chats": f"{chats:,}"}]
    if file.unanswered:
        names = ", ".join(name for name, _kind, _sample in file.unanswered[:SHOWN_NAMES])
        names += ", …" if len(file.unanswered) > SHOWN_NAMES else ""
        sentences.append(_("Before it can be trained on, say what to do with %(names)s.") % {"names": names})
    if notes:
        look = ngettext("%(count)s row needs a look.", "%(count)s rows need a look.", notes)
        sentences.append(look % {"count": f"{notes:,}"})
    return " ".join(sentences)


def recognised(file: TrainingFile) -> str:
    """Say what the file was taken for."""
    if not file.format:
        return ""
    layout = LAYOUTS.get(file.format, file.format)
    encoding = (file.statistics or {}).get("encoding") or ""
    if encoding and encoding != "utf-8":
        layout = f"{layout}, {encoding.upper()}"
    shape = next((in_words(shape.words) for shape in SHAPES if shape.name == file.shape), "")
    return f"{layout}: {shape}" if shape else layout
