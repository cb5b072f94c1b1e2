from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "batches"
    scope = "serve"

    def ready(self) -> None:
        # Models are only importable once the apps are loaded.
        from batches.services import reason_to_keep
        from datasets_app import hooks

        hooks.needs_files(reason_to_keep)
