"""The Django project: wiring, imported by nobody."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
