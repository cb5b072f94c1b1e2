"""Fixtures for runs of the trainer on a small random model."""

from trainer_runs import base_folder, make_run, quiet_machine

__all__ = ["base_folder", "make_run", "quiet_machine"]
