"""Evaluations: which models are asked what, what they answered, and what that comes to."""

from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Team, User
from catalogue.models import BaseModel
from chat import WrittenMessage
from common.ids import new_id
from common.message_field import MessageField
from common.states import Guarded
from compute.models import Priority, Run
from datasets_app.models import TrainingFile
from jobs.models import Checkpoint, FineTuningJob, TunedModel
from jobs.training.checkpoints import Adapter
from webhooks.outbox import announce

_RUN_ENDS = {"succeeded": "eval.run.succeeded", "failed": "eval.run.failed", "cancelled": "eval.run.canceled"}
"""What OpenAI calls the ends of a run."""
FINISHED = ("succeeded", "failed", "cancelled")


def _evaluation_id() -> str:
    return new_id("eval")


def _eval_id() -> str:
    return new_id("evalset")


def _eval_run_id() -> str:
    return new_id("evalrun")


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, team: Team) -> Self:
        """Evaluations of `team`: to others they do not exist."""
        return self.filter(team=team)

    def unfinished(self) -> Self:
        return self.exclude(state__in=FINISHED)


class Evaluation(Guarded):
    """One request to ask and measure some models with the same questions. Its attempts are Runs, one after another."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", pgettext_lazy("evaluation", "Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "queued": ("running", "succeeded", "failed", "cancelled"),
        "running": ("queued", "succeeded", "failed", "cancelled"),
        "succeeded": (),
        "failed": ("queued",),
        "cancelled": ("queued",),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_evaluation_id)
    team = models.ForeignKey(Team, models.PROTECT, related_name="evaluations")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=200)
    job = models.OneToOneField(FineTuningJob, models.CASCADE, null=True, related_name="evaluation")
    """Whose verdict this is; null for one that somebody asked for."""
    file = models.ForeignKey(TrainingFile, models.SET_NULL, null=True, related_name="+")
    file_name = models.CharField(max_length=255, blank=True)
    prompts = models.JSONField(default=list)
    """What somebody asks: [{"prompt", "reference"?, "system"?}], or of an eval [{"messages", "item"}]."""
    graders = models.JSONField(default=list)
    """As they were sent, in OpenAI's shapes."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    run = models.OneToOneField(Run, models.PROTECT, null=True, related_name="evaluation")
    """The newest one."""
    priority = models.IntegerField(choices=Priority.choices, default=Priority.NORMAL)
    queued_at = models.DateTimeField(default=timezone.now)
    """Its place in line, which every later Run keeps."""
    num_done = models.PositiveIntegerField(default=0)
    """Answers that are there, and models whose held-out rows were measured."""
    num_total = models.PositiveIntegerField(null=True)
    """How many there will be; null until the questions are known."""
    num_idle_runs = models.PositiveIntegerField(default=0)
    """Runs in a row that were lost without anything new."""
    results = models.JSONField(default=dict)
    """{model: {metric: {"value", "low", "high"}}}"""
    pairs = models.JSONField(default=list)
    """Each model beside its base on the same questions, measure by measure."""
    reports = models.JSONField(default=dict)
    """{model: classification report}, where the expected answers are labels."""
    verdict = models.JSONField(default=dict)
    """{"light", "findings", "best_step"}; {} until there is one."""
    error_code = models.CharField(max_length=60, blank=True)
    error_message = MessageField()
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="evaluation_team"),
            models.Index(fields=["state"], name="evaluation_state"),
        ]

    def __str__(self) -> str:
        return self.name

    @transaction.atomic
    def mark_finished(self, to: str, **changes: Any) -> bool:
        """End it, and tell webhooks where it is an eval's run; False where it has ended already."""
        has_ended = self.move(to, finished_at=timezone.now(), **changes)
        run = EvalRun.objects.filter(evaluation=self).first() if has_ended else None
        if run is not None:
            announce(_RUN_ENDS[to], self.team, {"id": run.pk}, about=self, because=changes.get("error_message"))
        return has_ended

    def count_done(self, number: int) -> None:
        """Note that so many more answers or measurements are there."""
        type(self).objects.filter(pk=self.pk).update(num_done=F("num_done") + number, num_idle_runs=0)

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def is_stopping(self) -> bool:
        """True from a request to cancel until it is done."""
        return self.cancel_requested_at is not None and not self.is_finished

    @property
    def progress(self) -> float:
        """The share of the work that is done, from 0 to 1."""
        if self.state == self.State.SUCCEEDED:
            return 1.0
        return round(min(1.0, self.num_done / self.num_total), 4) if self.num_total else 0.0


class EvalQuerySet(models.QuerySet["Eval"]):
    def visible_to(self, team: Team) -> Self:
        """Evals of `team`: to others they do not exist."""
        return self.filter(team=team)


class Eval(models.Model):
    """OpenAI's eval: a form of items with the graders of their answers, to be run on one model after another."""

    id = models.CharField(primary_key=True, max_length=40, default=_eval_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="evals")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=200)
    item_schema = models.JSONField()
    """JSON Schema of an item."""
    shows_sample = models.BooleanField(default=False)
    """As it was asked: whether the form that is shown has the answer beside the item."""
    criteria = models.JSONField()
    """Graders as they were sent."""
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    objects = EvalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="eval_team")]

    def __str__(self) -> str:
        return self.name


class EvalRun(models.Model):
    """A model asked by an eval: an evaluation, as everywhere else, in OpenAI's clothes."""

    id = models.CharField(primary_key=True, max_length=40, default=_eval_run_id)
    eval = models.ForeignKey(Eval, models.CASCADE, related_name="runs")
    evaluation = models.OneToOneField(Evaluation, models.CASCADE, related_name="eval_run")
    data_source = models.JSONField()
    """As it was sent, without the items of a file."""
    max_tokens = models.PositiveIntegerField()
    """Of an answer."""
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["eval", "-created_at", "-id"], name="eval_run_of")]

    def __str__(self) -> str:
        return self.evaluation.name


class Subject(models.Model):
    """A model that an evaluation asks."""

    class Kind(models.TextChoices):
        BASE = "base", _("Base model")
        TUNED = "tuned", _("Tuned model")
        CHECKPOINT = "checkpoint", _("Checkpoint")
        DEPLOYMENT = "deployment", _("Deployment")

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="subjects")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=270)
    """Its public name, under which its results stand."""
    kind = models.CharField(max_length=10, choices=Kind.choices)
    base_model = models.ForeignKey(BaseModel, models.PROTECT, related_name="+")
    adapter = models.ForeignKey(TunedModel, models.SET_NULL, null=True, related_name="+")
    checkpoint = models.ForeignKey(Checkpoint, models.SET_NULL, null=True, related_name="+")
    held_out = models.JSONField(null=True)
    """Of each held-out row [sum of losses, learned tokens, right guesses]; null until they were measured."""

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["evaluation", "name"], name="one_subject_of_a_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_untuned(self) -> bool:
        """Whether it is a base itself, by whatever name."""
        has_weights = self.adapter_id is not None or self.checkpoint_id is not None
        return not has_weights and self.kind in (self.Kind.BASE, self.Kind.DEPLOYMENT)

    @property
    def weights(self) -> Adapter | None:
        """What makes other answers of its base's; None of a base, and of what was deleted."""
        return self.checkpoint if self.kind == self.Kind.CHECKPOINT else self.checkpoint or self.adapter


class Question(models.Model):
    """What every model of an evaluation is asked, and what is expected."""

    class Kind(models.TextChoices):
        HELD_OUT = "held_out", _("Held-out row")
        TRAINING = "training", _("Training row")
        RECIPE = "recipe", _("Question of the recipe")
        GENERAL = "general", _("General question")
        PROMPT = "prompt", _("Own prompt")

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="questions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    topic = models.CharField(max_length=40, blank=True)
    messages = models.JSONField()
    """The prompt, as OpenAI's messages."""
    tools = models.JSONField(default=list)
    expected = models.JSONField(null=True)
    """The assistant's message that follows in the data; null where nothing is expected word for word."""
    checks = models.JSONField(default=dict)
    """What an answer is held to, as chat.AcceptanceTest writes it without the messages: {"must_say": […], …}."""
    item = models.JSONField(null=True)
    """What graders know of the question; null: what follows from the question itself."""
    is_asked = models.BooleanField(default=True)
    """False: a held-out row whose loss alone is measured."""

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=["evaluation", "number"], name="one_question_of_a_number")]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The last thing that is asked."""
        return next((str(turn["content"] or "") for turn in reversed(self.messages) if turn["role"] == "user"), "")

    @property
    def reference(self) -> str | None:
        """The expected answer; None where there is none in words."""
        return (self.expected or {}).get("content") or None

    @property
    def whole(self) -> list[WrittenMessage]:
        """The conversation with its expected answer."""
        return [*self.messages, *([self.expected] if self.expected else [])]


class SampleQuerySet(models.QuerySet["Sample"]):
    def of(self, evaluation: Evaluation) -> Self:
        return self.filter(question__evaluation=evaluation)


class Sample(models.Model):
    """What one model answered to one question."""

    class Change(models.TextChoices):
        BETTER = "better", pgettext_lazy("answer", "Better")
        WORSE = "worse", pgettext_lazy("answer", "Worse")
        CHANGED = "changed", pgettext_lazy("answer", "Changed")
        SAME = "same", pgettext_lazy("answer", "Same")

    question = models.ForeignKey(Question, models.CASCADE, related_name="samples")
    subject = models.ForeignKey(Subject, models.CASCADE, related_name="samples")
    answer = models.TextField(blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    stop_reason = models.CharField(max_length=20)
    """stop, length, or unaskable where the model's template or context cannot take the question."""
    scores = models.JSONField(default=dict)
    change = models.CharField(max_length=10, choices=Change.choices, blank=True)
    """Beside the answer of its base; "" for a base itself."""

    objects = SampleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "subject"], name="one_answer_to_a_question")]
        indexes = [models.Index(fields=["change"], name="sample_change")]

    def __str__(self) -> str:
        return self.answer


class Vote(models.Model):
    """Which of two answers a person prefers who did not know whose they were."""

    class Choice(models.TextChoices):
        FIRST = "first"
        SECOND = "second"
        BOTH = "both"
        NEITHER = "neither"

    question = models.ForeignKey(Question, models.CASCADE, related_name="votes")
    voter = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    choice = models.CharField(max_length=10, choices=Choice.choices)
    """`first` and `second` are the evaluation's pair in the order of its models."""
    voted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("question__number", "pk")
        constraints = [models.UniqueConstraint(fields=["question", "voter"], name="one_vote_of_a_person")]

    def __str__(self) -> str:
        return self.choice
