from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "deployments"

    def ready(self) -> None:
        from compute.work import register  # models are only importable once the apps are loaded
        from deployments.folding import unfolded_requests
        from deployments.serving_work import ServingWork
        from ledger.reading import also_from

        register(ServingWork())
        also_from(unfolded_requests)
