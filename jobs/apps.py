from django.apps import AppConfig


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

        register(Training())
        register_placed(Training.kind, keep_place)
        register_always_computing(Training.kind, note_idle)
        register_bound(lambda pool: FineTuningJob.objects.unfinished().filter(pool=pool).count())
        hooks.needs_files(reason_to_keep)
        hooks.on_processed(lambda file: wake_jobs_of(file.pk))
