from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "deployments"

    def ready(self) -> None:
        from compute.work import register  # models are only importable once the apps are loaded
        from deployments.serving_work import ServingWork

        register(ServingWork())
