"""The platform's settings with one app more, whose trainer stands in for the real one.

Nothing that a user sends and no setting of the platform can start it: only a process that was started with this module
as its DJANGO_SETTINGS_MODULE knows of it.
"""

from console.settings import *  # noqa: F403
from console.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.journeys.soak.apps.SoakConfig"]
