"""Every address of the platform."""

from importlib import import_module

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import module_has_submodule

from console import views
from console.health import healthz
from console.metrics import metrics
from console.schema.views import SchemaView, docs, llms_txt

APPS = (
    "accounts",
    "webhooks",
    "notifications",
    "catalogue",
    "ledger",
    "compute",
    "datasets_app",
    "deployments",
    "batches",
    "evaluations",
    "jobs",  # after evaluations, some of whose addresses stand among its own
    "playground",
)


def _routes(kind: str) -> list[URLPattern | URLResolver]:
    """Collect `kind` ("v1" for OpenAI's surface, "api" for ours, "pages") from every app's urls module."""
    found: list[URLPattern | URLResolver] = []
    for name in APPS:
        config = apps.get_app_config(name)
        if config.module and module_has_submodule(config.module, "urls"):
            found += getattr(import_module(f"{name}.urls"), kind, [])
    return found


handler400 = "console.refusals.bad_request"
handler403 = "console.refusals.forbidden"
handler404 = "console.refusals.not_found"
handler500 = "console.refusals.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("start-sample", views.start_sample, name="start_sample"),
    path("healthz", healthz),
    path("metrics", metrics),
    # One door, with one count of attempts.
    path("admin/login/", views.admin_sign_in),
    path("admin/", admin.site.urls),
    path("api/schema", SchemaView.as_view(), name="api_schema"),
    path("api/docs", docs, name="api_docs"),
    path("llms.txt", llms_txt, name="llms_txt"),
    path("v1/", include(_routes("v1"))),
    path("api/v1/", include(_routes("api"))),
    path("", include(_routes("pages"))),
]
