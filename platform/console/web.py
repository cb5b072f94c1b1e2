"""The web process: the application of `console.asgi`, with connections to the database that outlive a request."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from django.conf import settings

from console.pooled import keep_connections

keep_connections(settings.DATABASES["default"])  # before anything has made one

from console.asgi import application  # noqa: E402

__all__ = ["application"]
