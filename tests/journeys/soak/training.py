"""Training, but by the stand-in for jobs on its model."""

from dataclasses import replace

from compute.models import Run
from compute.work import Command
from jobs.training.work import Training
from rundir import RunDirectory
from tests.journeys.soak.apps import MODEL

MODULE = "tests.journeys.soak.standin"


class StandInTraining(Training):
    def command(self, run: Run, directory: RunDirectory) -> Command:
        usual = super().command(run, directory)
        if run.model != MODEL:
            return usual
        python, option, _trainer, *rest = usual.argv
        return replace(usual, argv=(python, option, MODULE, *rest))
