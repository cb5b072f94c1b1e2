from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


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
        from webhooks import events

        failed = _("A deployment has failed")
        events.register("deployment.failed", failed, sample={"id": "deployment-test"}, path="/deployments/{id}")
        register(ServingWork())
        also_from(unfolded_requests)
        register_bound(lambda pool: Deployment.objects.live().filter(pool=pool).count())
        register_pausable(idle_deployments)
