from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "datasets_app"
    scope = "data"

    def ready(self) -> None:
        """Register what writes files out of others and what counts them, for workers that import no view."""
        from datasets_app import services, uploads  # noqa: F401 - models are not ready before
