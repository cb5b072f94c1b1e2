from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BatchesConfig(AppConfig):
    name = "batches"
    scope = "serve"

    def ready(self) -> None:
        # Models are only importable once the apps are loaded.
        from batches.services import reason_to_keep
        from datasets_app import hooks
        from webhooks import events

        hooks.needs_files(reason_to_keep)
        for name, label in (
            ("batch.completed", _("A batch is completed")),
            ("batch.failed", _("A batch was refused")),
            ("batch.expired", _("A batch has expired")),
            ("batch.cancelled", _("A batch was cancelled")),
        ):
            events.register(name, label, sample={"id": "batch-test"}, path="/batches/{id}")
