from typing import Any

from django.urls import path

from compute import api as rest

v1: list[Any] = []
api = [
    path("pool", rest.PoolView.as_view()),
    path("quotas/<str:team>", rest.QuotaView.as_view()),
]
pages: list[Any] = []
