from django.urls import URLPattern, path

from evaluations.web import api as rest
from evaluations.web import (
    comparing_views,
    evals_api,
    graders_api,
    models_api,
    models_views,
    views,
    votes_api,
    votes_views,
)

v1: list[URLPattern] = [
    path("fine_tuning/alpha/graders/run", graders_api.run),
    path("fine_tuning/alpha/graders/validate", graders_api.Validate.as_view()),
    path("evals", evals_api.Evals.as_view()),
    path("evals/<str:eval_id>", evals_api.OneEval.as_view()),
    path("evals/<str:eval_id>/runs", evals_api.Runs.as_view()),
    path("evals/<str:eval_id>/runs/<str:run_id>", evals_api.OneRun.as_view()),
    path("evals/<str:eval_id>/runs/<str:run_id>/cancel", evals_api.CancelRun.as_view()),
    path("evals/<str:eval_id>/runs/<str:run_id>/output_items", evals_api.Items.as_view()),
    path("evals/<str:eval_id>/runs/<str:run_id>/output_items/<str:item_id>", evals_api.OneItem.as_view()),
]

api: list[URLPattern] = [
    path("evaluations", rest.Evaluations.as_view()),
    path("evaluations/<str:evaluation_id>", rest.OneEvaluation.as_view()),
    path("evaluations/<str:evaluation_id>/cancel", rest.CancelView.as_view()),
    path("evaluations/<str:evaluation_id>/samples", rest.SamplesView.as_view()),
    path("evaluations/<str:evaluation_id>/samples.csv", votes_api.SamplesTable.as_view(), name="samples_table"),
    path("evaluations/<str:evaluation_id>/samples.jsonl", votes_api.SamplesLines.as_view(), name="samples_lines"),
    path("evaluations/<str:evaluation_id>/votes", votes_api.Votes.as_view()),
    path("models", models_api.Models.as_view()),
    path("models/<str:model_id>", models_api.OneModel.as_view()),
    path("models/<str:model_id>/card", models_api.CardView.as_view()),
    path("models/<str:model_id>/package", models_api.PackageView.as_view()),
    path("jobs/compare", comparing_views.CompareJobs.as_view()),
    path("jobs/<str:job_id>/verdict", rest.VerdictView.as_view()),
]
pages: list[URLPattern] = [
    path("models", models_views.models, name="models"),
    path("models/<str:model_id>", models_views.model, name="model"),
    path("models/<str:model_id>/name", models_views.name_model, name="name_model"),
    path("models/<str:model_id>/card", models_views.model_card, name="model_card"),
    path("models/<str:model_id>/package", models_views.model_package, name="model_package"),
    path("jobs/compare", comparing_views.compare_jobs, name="compare_jobs"),
    path("evaluations", views.evaluations, name="evaluations"),
    path("evaluations/of-job/<str:job_id>", views.job_verdict, name="job_verdict"),
    path("evaluations/<str:evaluation_id>", views.evaluation, name="evaluation"),
    path("evaluations/<str:evaluation_id>/live", views.evaluation_live, name="evaluation_live"),
    path("evaluations/<str:evaluation_id>/cancel", views.cancel_evaluation, name="cancel_evaluation"),
    path("evaluations/<str:evaluation_id>/vote", votes_views.vote, name="vote"),
    path("evaluations/<str:evaluation_id>/delete", views.delete_evaluation, name="delete_evaluation"),
]
