"""Beat's schedule."""

from importlib import import_module

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from console.celery import app


def test_holds_every_apps_periodic_work_as_a_task_that_there_is() -> None:
    app.finalize()
    expected = set()
    for config in apps.get_app_configs():
        if config.module and module_has_submodule(config.module, "tasks"):
            expected |= set(getattr(import_module(f"{config.name}.tasks"), "PERIODIC", {}))
    app.loader.import_default_modules()
    assert set(app.conf.beat_schedule) >= expected > {"reconcile", "sweep"}
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
