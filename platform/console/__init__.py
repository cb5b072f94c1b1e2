"""The Django project: wiring, which nothing imports."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
