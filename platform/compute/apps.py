from django.apps import AppConfig


class ComputeConfig(AppConfig):
    name = "compute"
    scope = "admin"

    def ready(self) -> None:
        from compute.hours.sums import running_usage  # models are only importable once the apps are loaded
        from ledger.reading import also_from

        also_from(running_usage)
