"""The web's edge: a thin shell that checks size, charset and path before Django reads a body."""

import os
import warnings
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from common.asgi import Application  # noqa: E402
from console import agents, questions  # noqa: E402
from console.proxies import behind_proxies  # noqa: E402
from console.shell import Shell  # noqa: E402
from datasets_app.web import receiving  # noqa: E402

# WhiteNoise hands static files over by a synchronous iterator, which Django reads whole: they are small.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

shell = Shell(
    cast("Application", django_application),
    uploads=receiving.ASGI_ROUTES,
    questions=[*questions.ASGI_ROUTES, *agents.ASGI_ROUTES],
    max_body_bytes=settings.MAX_BODY_BYTES,
)
agents.agents.api = shell
application = behind_proxies(shell, settings.TRUSTED_PROXIES)
