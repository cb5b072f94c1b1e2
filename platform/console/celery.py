"""The Celery application: wake-ups for what the database says must be done."""

import os
from importlib import import_module
from typing import Any

from celery import Celery, Task
from django.apps import apps
from django.utils.module_loading import import_string, module_has_submodule

from common import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")


class TracedTask(Task):  # type: ignore[misc]
    """A task that goes on in the trace of whoever has woken it; one that nobody has begins none."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        parent = (self.request.headers or {}).get(tracing.PARENT) or self.request.get(tracing.PARENT)
        if not parent:
            return super().__call__(*args, **kwargs)
        with tracing.span(self.name, parent=parent):
            return super().__call__(*args, **kwargs)


app = Celery("luthier", task_cls=TracedTask)
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
