from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    scope = "train"

    def ready(self) -> None:
        from compute.work import register, register_always_computing, register_bound, register_placed
        from datasets_app import hooks
        from jobs.models import FineTuningJob
        from jobs.services import reason_to_keep
        from jobs.tasks import wake_jobs_of
        from jobs.training.attempts import keep_place, note_idle
        from jobs.training.work import Training
        from webhooks import events

        for name, label in (
            ("fine_tuning.job.succeeded", _("A job has succeeded")),
            ("fine_tuning.job.failed", _("A job has failed")),
            ("fine_tuning.job.cancelled", _("A job was cancelled")),
        ):
            events.register(name, label, sample={"id": "ftjob-test"}, path="/jobs/{id}")
        register(Training())
        register_placed(Training.kind, keep_place)
        register_always_computing(Training.kind, note_idle)
        register_bound(lambda pool: FineTuningJob.objects.unfinished().filter(pool=pool).count())
        hooks.needs_files(reason_to_keep)
        hooks.on_processed(lambda file: wake_jobs_of(file.pk))
