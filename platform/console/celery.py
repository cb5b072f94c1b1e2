"""The Celery application: wake-ups for what the database says must be done."""

import os
from importlib import import_module

from celery import Celery
from django.apps import apps
from django.utils.module_loading import import_string, module_has_submodule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

app = Celery("luthier")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule_periodic_work(sender: Celery, **kwargs: object) -> None:
    """Collect every app's PERIODIC into beat's schedule."""
    for config in apps.get_app_configs():
        if config.module and module_has_submodule(config.module, "tasks"):
            module = import_module(f"{config.name}.tasks")
            for name, (path, seconds) in getattr(module, "PERIODIC", {}).items():
                sender.conf.beat_schedule[name] = {
                    "task": import_string(path).name,
                    "schedule": seconds,
                    "options": {"expires": max(30, 2 * seconds)},
                }
