from django.urls import URLPattern, path

from deployments import api as our_api
from deployments import openai_api

v1: list[URLPattern] = [
    path("chat/completions", openai_api.chat_completions),
    path("completions", openai_api.completions),
    path("models", openai_api.Models.as_view()),
    path("models/<path:name>", openai_api.Model.as_view()),
]
api: list[URLPattern] = [
    path("deployments", our_api.Deployments.as_view()),
    path("deployments/<str:deployment_id>", our_api.OneDeployment.as_view()),
]
pages: list[URLPattern] = []
