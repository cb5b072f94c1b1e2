from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "deployments"
    scope = "serve"

    def ready(self) -> None:
        # Models are only importable once the apps are loaded.
        from compute.work import register, register_bound, register_pausable
        from deployments.models import Deployment
        from deployments.replicas import idle_deployments
        from deployments.serving_work import ServingWork
        from deployments.usage import unfolded_requests
        from ledger.reading import also_from

        register(ServingWork())
        also_from(unfolded_requests)
        register_bound(lambda pool: Deployment.objects.live().filter(pool=pool).count())
        register_pausable(idle_deployments)
