from django.urls import URLPattern, path

from evaluations.web import api as rest

api: list[URLPattern] = [
    path("evaluations", rest.Evaluations.as_view()),
    path("evaluations/<str:evaluation_id>", rest.OneEvaluation.as_view()),
    path("evaluations/<str:evaluation_id>/cancel", rest.CancelView.as_view()),
    path("evaluations/<str:evaluation_id>/samples", rest.SamplesView.as_view()),
    path("jobs/<str:job_id>/verdict", rest.VerdictView.as_view()),
]
