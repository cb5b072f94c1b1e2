"""Models of the platform as teachers: asked by an evaluation, for data sets that are made of their answers."""

from collections.abc import Sequence

from django.db.models import Q

from accounts.models import Team, User
from catalogue.models import BaseModel
from common.errors import UserError
from datasets_app.hooks import TeacherFailed
from evaluations.messages import message
from evaluations.models import Evaluation, Sample
from evaluations.services import cancel_evaluation, create_evaluation
from jobs.models import TunedModel

SHOWN_MODELS = 50
LONGEST_NAME = 200
"""Of an evaluation."""
ENDED = "stop"
"""An answer that came to its end."""


class Teachers:
    """datasets_app.hooks.Teachers, by evaluations."""

    def models(self, team: Team) -> list[tuple[str, str]]:
        """Return name and label of what may teach: bases, then the newest tuned models."""
        bases = [(base.pk, base.display_name) for base in BaseModel.objects.present()]
        tuned = TunedModel.objects.visible_to(team).live().filter(~Q(name="")).order_by("-created_at")[:SHOWN_MODELS]
        return [*bases, *((model.name, model.name) for model in tuned)]

    def ask(self, *, team: Team, by: User | None, model: str, system: str, prompts: Sequence[str], name: str) -> str:
        """Queue the questions; return by what name the replies can be had."""
        asked = [{"prompt": prompt, "system": system} for prompt in prompts]
        try:
            evaluation = create_evaluation(
                team=team, by=by, models=[model], prompts=asked, baseline=False, name=name[:LONGEST_NAME]
            )
        except UserError as error:
            error.param = "teacher"
            raise
        return evaluation.pk

    def give_up(self, asked: str) -> None:
        """Cancel the evaluation, where it has not ended."""
        evaluation = Evaluation.objects.unfinished().filter(pk=asked, cancel_requested_at=None).first()
        if evaluation is not None:
            cancel_evaluation(evaluation=evaluation, by=None)

    def replies(self, asked: str) -> list[str | None] | None:
        """Return every reply in the order of the questions, None for one without an end; None while it is not over.

        TeacherFailed says why there will be none.
        """
        evaluation = Evaluation.objects.filter(pk=asked).first()
        if evaluation is None or evaluation.state == Evaluation.State.CANCELLED:
            raise TeacherFailed(message("teaching_cancelled"))
        if evaluation.state == Evaluation.State.FAILED:
            raise TeacherFailed(message("teaching_failed").followed_by(evaluation.error_message))
        if evaluation.state != Evaluation.State.SUCCEEDED:
            return None
        said = {
            sample.question_id: sample.answer for sample in Sample.objects.of(evaluation) if sample.stop_reason == ENDED
        }
        return [said.get(question) for question in evaluation.questions.order_by("number").values_list("pk", flat=True)]
