"""The form of a new job: what it offers, what was filled in, what that would be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Team
from accounts.requests import PageRequest
from catalogue.models import BaseModel
from common.errors import UserError
from common.forms import PageForm, field_like
from common.texts import is_storable
from common.wording import in_words
from compute.administering.choosing import pool_for, pools_for
from compute.explanations import count_of
from compute.hours.sums import left_for
from compute.models import Pool, Priority
from datasets_app.models import TrainingFile
from datasets_app.services import acceptance_of
from jobs.estimates.estimating import forecast, resolve_asked, tokens_of_job
from jobs.estimates.situations import Devices, devices_for
from jobs.hyperparameters import AUTO, PARAMETERS, STANDS_FOR, Parameter, Resolved, check_together, read_asked
from jobs.models import FineTuningJob
from jobs.services import JobRequest, parse_accelerators
from jobs.training.checkpoints import SIGN
from jobs.training.parents import Parent, parent_or_none
from jobs.tuned_models import offered_models
from jobs.web.names import NewName
from jobs.web.pages import shown
from jobs.web.requests import NewJob

PREFIX = "hp-"
SHOWN_FILES = 50
MOST_NUMBERS = 16
OFFERED = tuple(p for p in PARAMETERS if p.managed is None and p.name not in ("data_path", "model_name_or_path"))
EFFORT, BALANCED = f"{PREFIX}effort", "balanced"
Chosen = tuple[TrainingFile, BaseModel, Parent | None]
"""Data, base, and the tuned model of it that is trained further."""


def from_query(request: PageRequest) -> Mapping[str, Any]:
    """Return the form's first values: those of the address, or of an earlier job that is tried again with the
    address's hyperparameters."""
    wanted = request.GET.get("again", "")
    known = FineTuningJob.objects.visible_to(request.team)
    again = known.filter(pk=wanted).first() if is_storable(wanted) else None
    if again is None:
        return request.GET
    asked = {f"{PREFIX}{name}": shown_for_form(value) for name, value in _in_own_names(again).items()}
    return {
        "file": again.training_file_id or "",
        "validation": again.validation_file_id or "",
        "model": again.parent.get("name", again.base_model_id),
        "suffix": again.suffix,
        "accelerators": str(again.accelerators or AUTO),
        "pool": again.pool.name if again.pool else "",
        "priority": Priority(again.priority).word if again.priority else "",
        **asked,
        **{name: value for name, value in request.GET.items() if name.startswith(PREFIX)},
    }


def _in_own_names(job: FineTuningJob) -> dict[str, Any]:
    """Return what a job chose; OpenAI's names are those of the values that they became, which the form has."""
    own = {name: value for name, value in job.asked.items() if name not in STANDS_FOR}
    became = {name for one in job.asked.keys() & STANDS_FOR.keys() for name in STANDS_FOR[one]}
    if job.hyperparameters:
        return {**{name: job.hyperparameters[name] for name in became}, **own}
    not_read = {
        "num_train_epochs": job.asked.get("n_epochs"),
        "per_device_train_batch_size": job.asked.get("batch_size"),
    }
    return {**{name: value for name, value in not_read.items() if value is not None}, **own}


def shown_for_form(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class NameForm(PageForm):
    """One line."""

    name = field_like(NewName, "name", label=gettext_lazy("Name"))


class JobForm(PageForm):
    """What a job is, with a field of text for each hyperparameter; what they may be is the use case's to say."""

    file = forms.CharField(required=False)
    model = forms.CharField(required=False)
    validation = forms.CharField(
        label=gettext_lazy("Validation data"),
        required=False,
        widget=forms.Select,
        help_text=gettext_lazy(
            "Never learned from: the loss on it shows whether the model learns or only remembers. Automatic takes some "
            "conversations out of your data where there are enough."
        ),
    )
    suffix = field_like(
        NewJob,
        "suffix",
        label=gettext_lazy("Name (optional)"),
        help_text=gettext_lazy("Becomes part of the tuned model's name in the API."),
    )
    accelerators = forms.CharField(label=gettext_lazy("Accelerators"), required=False, widget=forms.Select)
    pool = forms.CharField(
        label=gettext_lazy("Pool"),
        required=False,
        widget=forms.Select,
        help_text=gettext_lazy("On whose nodes it trains. Each pool has a queue and quotas of its own."),
    )
    priority = forms.CharField(
        label=gettext_lazy("Priority"),
        required=False,
        widget=forms.Select,
        help_text=gettext_lazy("Among jobs that wait with the same right to start, the higher priority comes first."),
    )

    names = {"training_file": "file", "validation_file": "validation"}

    def __init__(self, data: Any = None, *, team: Team, is_admin: bool) -> None:
        super().__init__(data)
        self.error: UserError | None = None
        self.offer(trainable_files(team))
        self.fields |= {f"{PREFIX}{one.name}": forms.CharField(required=False) for one in OFFERED}
        pools = pools_for(team)
        if len(pools) > 1:
            self.fields["pool"].widget.choices = [(pool.name, str(pool)) for pool in pools]  # type: ignore[attr-defined]
        else:
            del self.fields["pool"]
        devices = max((devices_for(team, None, pool) for pool in pools), key=lambda one: one.most)
        numbers = [(str(number), number) for number in range(1, min(devices.most, MOST_NUMBERS) + 1)]
        offered = [one for one in Priority if is_admin or one != Priority.URGENT]
        self.fields["accelerators"].widget.choices = [(AUTO, _("Auto")), *numbers]  # type: ignore[attr-defined]
        self.fields["accelerators"].help_text = _(
            "GPUs, or CPU cores where there are none. Auto uses what your team is guaranteed, and where nobody else "
            "waits every free one, up to %(accelerators_word)s."
        ) % {"accelerators_word": in_words(count_of(devices.most, devices.kind))}
        self.fields["priority"].widget.choices = [  # type: ignore[attr-defined]
            (one.word if one else "", one.label) for one in offered
        ]

    def offer(self, files: list[TrainingFile]) -> None:
        """Offer these files to learn from and to validate with."""
        self.trainable = files
        others = [(one.pk, one.filename) for one in files]
        self.fields["validation"].widget.choices = [("", _("Automatic")), *others]  # type: ignore[attr-defined]

    def refuse(self, error: UserError) -> None:
        """Remember the error for the hyperparameter that it names."""
        super().refuse(error)
        self.error = error


class QueuedForm(PageForm):
    """A button of the queue's panel: one change that would help."""

    accelerators = forms.CharField(required=False)
    priority = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        sent = {name: value for name, value in self.cleaned_data.items() if name in self.data}
        return sent | ({"accelerators": number_in(sent["accelerators"])} if "accelerators" in sent else {})


def number_in(text: str) -> int | str:
    """Return the number of accelerators that a field says, or what else is written there."""
    return int(text[:9]) if text.isascii() and text.isdigit() else text


def job_request_of(values: Mapping[str, Any], *, is_admin: bool) -> JobRequest:
    """Return what the form asks for; empty fields are automatic."""
    asked = _asked(values)
    return JobRequest(
        model=values.get("model", ""),
        training_file=values.get("file", ""),
        validation_file=values.get("validation") or None,
        hyperparameters=asked or None,
        suffix=values.get("suffix", "").strip() or None,
        accelerators=number_in(values.get("accelerators") or AUTO),
        pool=values.get("pool") or None,
        priority=values.get("priority") or None,
        may_be_urgent=is_admin,
    )


def _asked(values: Mapping[str, Any]) -> dict[str, object]:
    texts = {p: str(values.get(f"{PREFIX}{p.name}", "")).strip() for p in OFFERED}
    asked = {p.name: p.from_text(text) for p, text in texts.items() if text not in ("", AUTO)}
    if asked.get("effort") == BALANCED:  # the slider stands somewhere, also when nobody has moved it
        del asked["effort"]
    return asked


def context_of(team: Team, values: Mapping[str, Any], form: JobForm) -> dict[str, object]:
    """Return everything that the page shows."""
    known = {file.pk for file in form.trainable}
    older = [_readable(team, values.get(name)) for name in ("file", "validation") if values.get(name) not in known]
    form.offer([*form.trainable, *filter(None, older)])
    files = form.trainable
    models = list(BaseModel.objects.present())
    tuned = offered_models(team)
    asked = str(values.get("model") or "")
    if SIGN in asked and asked not in dict(tuned):  # a checkpoint is offered where somebody comes for it
        tuned.insert(0, (asked, asked))
    filled = {"file": files[0].id if files else "", "model": models[0].id if models else "", **_flat(values)}
    form.initial = filled
    return {
        "form": form,
        "files": files,
        "models": models,
        "tuned": tuned,
        "is_further": filled["model"] in dict(tuned),
        "values": filled,
        "groups": _groups(team, filled, form),
        **estimates_of(team, filled),
        "is_open": bool(_asked(filled).keys() - {"effort"}) or "priority" in filled or form.is_bound,
    }


def trainable_files(team: Team) -> list[TrainingFile]:
    """Return the newest files that a job may learn from or be validated with."""
    files = TrainingFile.objects.visible_to(team).filter(purpose="fine-tune").exclude(status="error").defer("recipe")
    return list(files[:SHOWN_FILES])


def _accelerators(values: Mapping[str, Any]) -> int | None:
    return parse_accelerators(number_in(values.get("accelerators") or AUTO))


def pool_of(team: Team, values: Mapping[str, Any]) -> Pool:
    """Return the pool that a form names; the default one where it names none that the team may use."""
    return next((pool for pool in pools_for(team) if pool.name == values.get("pool")), Pool.default())


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(values[key]) for key in values if values[key]}


@dataclass(frozen=True, kw_only=True)
class ShownParameter:
    """A hyperparameter's field: what stands in it, what it would be by itself and why, and what is wrong with it."""

    name: str
    parameter: Parameter
    value: str
    automatic: str
    left_alone: str
    reason: str
    options: list[str]
    error: str


@dataclass(frozen=True, kw_only=True)
class ShownGroup:
    """Hyperparameters under one heading."""

    title: str
    fields: list[ShownParameter]


def _groups(team: Team, filled: Mapping[str, Any], form: JobForm) -> list[ShownGroup]:
    """Return the parameters under their headings, each with its automatic value and the reason for it."""
    file, base, parent = _chosen(team, filled)
    resolved = None
    if file is not None and base is not None:
        # The page of a refused form is shown whatever stands in its fields.
        accelerators = None if form.is_bound else _accelerators(filled)
        effort = {} if form.is_bound else _effort(filled)
        validation = bool(filled.get("validation"))
        devices = devices_for(team, accelerators, pool_of(team, filled))
        resolved = _resolved((file, base, parent), devices, effort, has_validation_file=validation)
    listed = [one for one in OFFERED if one.name != "effort"]  # which has its slider
    titles = {
        "goal": _("How it learns"),
        "data": _("What it reads"),
        "adapter": _("The adapter"),
        "speed": _("Steps and batches"),
        "hardware": _("Devices and memory"),
    }
    return [
        ShownGroup(title=title, fields=[_field(p, filled, resolved, form) for p in listed if p.group == group])
        for group, title in titles.items()
    ]


def _field(parameter: Parameter, filled: Mapping[str, Any], resolved: Resolved | None, form: JobForm) -> ShownParameter:
    name, error = f"{PREFIX}{parameter.name}", form.error
    value = str(filled.get(name, ""))
    automatic, reason = "", ""
    if resolved is not None and parameter.name in resolved.values:
        automatic = shown(resolved.values.get(parameter.name))
        reason = in_words(resolved.reasons[parameter.name]) if parameter.name in resolved.reasons else ""
    options = list(parameter.choices) or (["true", "false"] if parameter.kind == "boolean" else [])
    is_refused = error is not None and error.param == parameter.name
    return ShownParameter(
        name=name,
        parameter=parameter,
        value="" if value == AUTO else value,
        automatic=automatic,
        left_alone=_("Auto: %(value)s") % {"value": automatic} if automatic else _("Auto"),
        reason=reason,
        options=options,
        error=in_words(error.message) if error and is_refused else " ".join(map(str, form[name].errors)),
    )


def estimates_of(team: Team, values: Mapping[str, Any]) -> dict[str, object]:
    """Return what the job would be, as filled in and at each stop of the slider."""
    words = {
        "fast": (_("Fast"), _("A first look: it shows whether the data work.")),
        "balanced": (_("Balanced"), _("As many steps as such data need. Right for most.")),
        "best": (_("Best"), _("Twice the readings; the best weights are kept where conversations are held out.")),
    }
    chosen = str(values.get(EFFORT) or BALANCED)
    estimates = _estimates(team, values, (*words, chosen))
    stops = [
        {
            "name": name,
            "label": label,
            "sentence": sentence,
            "is_chosen": name == chosen,
            "estimate": estimates.get(name),
        }
        for name, (label, sentence) in words.items()
    ]
    left = left_for(team, pool_of(team, values))
    return {"efforts": stops, "estimate": estimates.get(chosen), "hours_left": left}


def _estimates(team: Team, values: Mapping[str, Any], efforts: Iterable[str]) -> dict[str, dict[str, object]]:
    """Return conversations, steps and devices of the job by its effort; {} while file or model is missing."""
    file, base, parent = _chosen(team, values)
    if file is None or base is None:
        return {}
    try:
        devices = devices_for(team, _accelerators(values), pool_for(team, values.get("pool")))
    except UserError as error:
        return {effort: {"error": in_words(error.message)} for effort in efforts}
    given = _flat(values)
    return {
        effort: _estimate(team, {**given, EFFORT: effort}, (file, base, parent), devices) for effort in set(efforts)
    }


def _estimate(team: Team, values: Mapping[str, Any], chosen: Chosen, devices: Devices) -> dict[str, object]:
    file, base, _further = chosen
    try:
        validation = _readable(team, values.get("validation"))
        resolved = _resolved(chosen, devices, _asked(values), has_validation_file=validation is not None)
    except UserError as error:
        return {"error": in_words(error.message)}
    acceptance = acceptance_of(file)
    return {
        "batch_size": resolved.batch_size,
        "steps": resolved.steps,
        "epochs": shown(resolved.values["num_train_epochs"]),
        "devices": in_words(count_of(devices.most, devices.kind)),
        "num_tests": len(acceptance.tests) if acceptance is not None else 0,
        **forecast(base, tokens_of_job(base, file, resolved, devices), resolved.values, devices),
    }


def _chosen(team: Team, values: Mapping[str, Any]) -> tuple[TrainingFile | None, BaseModel | None, Parent | None]:
    file = _readable(team, values.get("file"))
    model = str(values.get("model") or "")
    base = BaseModel.objects.present().filter(pk=model).first() if is_storable(model) else None
    parent = parent_or_none(team=team, name=model) if base is None else None
    return file, parent.base_model if parent is not None else base, parent


def _readable(team: Team, file_id: Any) -> TrainingFile | None:
    known = TrainingFile.objects.visible_to(team)
    return known.filter(pk=file_id).first() if file_id and is_storable(file_id) else None


def _effort(values: Mapping[str, Any]) -> dict[str, object]:
    return {name: text for name, text in _asked(values).items() if name == "effort"}


def _resolved(chosen: Chosen, devices: Devices, asked: dict[str, object], *, has_validation_file: bool) -> Resolved:
    file, base, parent = chosen
    sent = read_asked(hyperparameters=asked or None, method=None, seed=None, system_prompt=None)
    read = parent.inherited(sent) if parent is not None else sent
    check_together(
        read, context_length=base.context_length, device_kind=devices.kind, has_validation_file=has_validation_file
    )
    resolved = resolve_asked(read, base, file, devices, has_validation_file=has_validation_file)
    return parent.explain(resolved, sent) if parent is not None else resolved
