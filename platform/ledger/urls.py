from typing import Any

from django.urls import path

from ledger import api as rest

v1: list[Any] = []
api = [
    path("usage", rest.UsageView.as_view()),
    path("usage.csv", rest.UsageFileView.as_view()),
]
pages: list[Any] = []
