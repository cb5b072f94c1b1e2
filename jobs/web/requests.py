"""What the routes of jobs read. A job is read by its own rules, in OpenAI's words; names and limits are of here."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from accounts.authentication import is_platform_admin
from common.errors import UserError
from common.fields import Checked, Either, OpenFloatField, PairsField
from common.idempotency import HEADER
from common.reads import Body, Query
from common.texts import sendable
from compute.models import Priority
from jobs import services
from jobs.hyperparameters import AUTO, OPENAI, PARAMETERS, Parameter, find
from jobs.messages import message
from jobs.services import LONGEST_KEY, LONGEST_VALUE, MOST_ACCELERATORS, MOST_PAIRS
from jobs.tuned_models import SUFFIX_CHARACTERS
from jobs.web.curves import MOST_POINTS

RETRY_COUNT = "x-stainless-retry-count"
_OPTION: dict[str, Any] = {"required": False, "allow_null": True}


def field_of(parameter: Parameter) -> Checked:
    """Return the field of what `parameter.parse` accepts."""
    known = {"min_value": parameter.least, "max_value": parameter.most}
    limits: dict[str, Any] = {name: limit for name, limit in known.items() if limit is not None}
    auto = serializers.ChoiceField(choices=[AUTO, *parameter.accepts])
    if parameter.managed is not None:
        return Checked(auto, **_OPTION)
    kinds: dict[str, serializers.Field[Any, Any, Any, Any]] = {
        "integer": serializers.IntegerField(**limits),
        "number": OpenFloatField(above=parameter.above, below=parameter.below, **limits),
        "boolean": serializers.BooleanField(),
        "choice": serializers.ChoiceField(choices=parameter.choices),
        "text": serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=parameter.longest),
    }
    return Checked(Either([auto, kinds[parameter.kind]]), help_text=parameter.sentence, **_OPTION)


class Hyperparameters(serializers.Serializer[Any]):
    """OpenAI's hyperparameters and Luthier's; what is not there is "auto"."""

    def get_fields(self) -> dict[str, Any]:
        return {one.name: field_of(one) for one in (*OPENAI.values(), *PARAMETERS)}


class SupervisedSettings(serializers.Serializer[Any]):
    """OpenAI's supervised method."""

    hyperparameters = Hyperparameters(**_OPTION)


class AskedMethod(serializers.Serializer[Any]):
    """OpenAI's newer form of hyperparameters."""

    type = serializers.ChoiceField(choices=["supervised"], required=False)
    supervised = SupervisedSettings(**_OPTION)


class AcceleratorsField(Checked):
    """A number of accelerators, or "auto"."""

    def __init__(self, **options: Any) -> None:
        number = serializers.IntegerField(min_value=1, max_value=MOST_ACCELERATORS)
        super().__init__(Either([serializers.ChoiceField(choices=[AUTO]), number]), **options)

    def to_internal_value(self, data: Any) -> Any:
        services.parse_accelerators(data)
        return data


class PriorityField(Checked):
    """A priority by its name; urgent is an administrator's to grant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(serializers.ChoiceField(choices=[priority.word for priority in Priority]), **options)

    def to_internal_value(self, data: Any) -> Any:
        services.parse_priority(data, may_be_urgent=True)
        return data


class NewJob(Body):
    """A job: OpenAI's fields, then Luthier's."""

    model = serializers.CharField()
    training_file = serializers.CharField()
    validation_file = serializers.CharField(**_OPTION)
    hyperparameters = Hyperparameters(**_OPTION)
    """OpenAI's older form; a name in both forms must have one value."""
    method = AskedMethod(**_OPTION)
    seed = field_of(find("seed"))
    suffix = serializers.CharField(allow_blank=True, max_length=SUFFIX_CHARACTERS, **_OPTION)
    metadata = PairsField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=LONGEST_VALUE),
        most=MOST_PAIRS,
        longest_key=LONGEST_KEY,
        **_OPTION,
    )
    accelerators = AcceleratorsField(**_OPTION)
    pool = serializers.CharField(allow_blank=True, max_length=60, **_OPTION)
    """By its name; the default one where it is absent."""
    priority = PriorityField(**_OPTION)
    system_prompt = serializers.CharField(
        allow_blank=True, trim_whitespace=False, max_length=find("system_prompt").longest, **_OPTION
    )
    """"default", "none", or the prompt itself."""
    integrations = serializers.ListField(child=serializers.JSONField(), max_length=0, **_OPTION)
    """None are offered."""

    example = {"model": "smollm2-135m-instruct", "training_file": "file-1", "suffix": "xiaozhi", "seed": 7}


class ChangedInQueue(Body):
    """What a job that waits asks for instead; it keeps its place in line."""

    accelerators = AcceleratorsField(required=False)
    priority = PriorityField(required=False)

    example = {"priority": "high"}


class Page(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class JobPage(Page):
    metadata = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False), required=False
    )
    """Pairs that the jobs have."""


class CheckpointPage(Page):
    limit = serializers.IntegerField(default=10, min_value=1, max_value=100)


class MetricsPage(Query):
    limit = serializers.IntegerField(default=MOST_POINTS, min_value=10, max_value=MOST_POINTS)


class LogPlace(Query):
    offset = serializers.IntegerField(default=0, min_value=-(2**40), max_value=2**40)
    """A negative one counts from the end."""
    attempt = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


class HyperparameterQuery(Query):
    model = serializers.CharField(required=False, max_length=200)
    file = serializers.CharField(required=False, max_length=60)


def job_request_of(request: Request) -> services.JobRequest:
    """Return what the body asks for; a field that nobody knows would be ignored in silence, so it is refused."""
    body = request.data
    if not isinstance(body, dict):
        raise UserError(message("body_must_be_object"), code="invalid_type")
    body = dict(body.items())
    fields = NewJob().fields
    if body.get("integrations"):
        raise UserError(message("integrations_not_offered"), code="unsupported_integration", param="integrations")
    if unknown := sorted(set(body) - set(fields)):
        name = sendable(unknown[0])
        raise UserError(message("job_field_unknown", name=name), code="unknown_parameter", param=name)
    for name, field in fields.items():
        if field.required and (not isinstance(body.get(name), str) or not body[name]):
            raise UserError(message("id_missing", name=name), code="missing_required_parameter", param=name)
    for name, field in fields.items():
        sent = body.get(name)
        if isinstance(field, serializers.CharField) and sent is not None and not isinstance(sent, str):
            raise UserError(message("must_be_text", name=name), code="invalid_type", param=name)
    body.pop("integrations", None)
    return services.JobRequest(**body, may_be_urgent=is_platform_admin(request), **_repetition(request))


def _repetition(request: Request) -> dict[str, Any]:
    """Return what distinguishes a repeated create from a new one; an `Idempotency-Key` is handled elsewhere."""
    if request.headers.get(HEADER):
        return {}
    key_id = str(getattr(request.auth, "pk", "")) or f"user-{request.user.pk}"
    count = request.headers.get(RETRY_COUNT, "0")
    fingerprint = services.fingerprint_of(key_id=key_id, body=request.data)
    return {"fingerprint": fingerprint, "is_repeated": count.isdecimal() and count.strip("0") != ""}
