from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationsConfig(AppConfig):
    name = "evaluations"
    scope = "train"

    def ready(self) -> None:
        from compute.work import register, register_placed
        from datasets_app import hooks
        from evaluations.running.queueing import keep_place
        from evaluations.running.work import EvaluationWork
        from evaluations.services import evaluate_by_itself, reason_to_keep
        from evaluations.teaching import Teachers
        from jobs.hooks import on_succeeded
        from webhooks import events

        sample = {"id": "ftjob-test", "light": "green"}
        events.register("fine_tuning.job.verdict", _("A job has its verdict"), sample=sample, path="/jobs/{id}")
        for name, label in (
            ("eval.run.succeeded", _("A run of an eval has succeeded")),
            ("eval.run.failed", _("A run of an eval has failed")),
            ("eval.run.canceled", _("A run of an eval was cancelled")),
        ):
            events.register(name, label, sample={"id": "evalrun-test"}, path="/evaluations")
        register(EvaluationWork())
        register_placed(EvaluationWork.kind, keep_place)
        hooks.needs_files(reason_to_keep)
        hooks.teaches(Teachers())
        on_succeeded(evaluate_by_itself)
