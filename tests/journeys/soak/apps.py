"""Jobs on one base model are trained by the stand-in; those on any other as always."""

from django.apps import AppConfig

from compute import work

MODEL = "stand-in"


class SoakConfig(AppConfig):
    name = "tests.journeys.soak"

    def ready(self) -> None:
        from tests.journeys.soak.training import StandInTraining  # models can be imported only now

        work.register(StandInTraining())
