from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ComputeConfig(AppConfig):
    name = "compute"
    scope = "admin"

    def ready(self) -> None:
        from compute.hours.sums import running_usage  # models are only importable once the apps are loaded
        from ledger.reading import also_from
        from webhooks import events

        events.register(
            "team.hours_used",
            _("The month's accelerator-hours are nearly or all used"),
            sample={"id": "team-test", "pool": "default", "percent": 80, "hours": 100},
            path="/usage",
        )
        also_from(running_usage)
