from django.urls import path

from jobs import api as rest

v1 = [
    path("fine_tuning/jobs", rest.JobsView.as_view()),
    path("fine_tuning/jobs/<str:job_id>", rest.JobView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/cancel", rest.CancelView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/pause", rest.PauseView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/resume", rest.ResumeView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/events", rest.EventsView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/checkpoints", rest.CheckpointsView.as_view()),
]
api = [
    path("hyperparameters", rest.HyperparametersView.as_view()),
    path("jobs/estimate", rest.EstimateView.as_view()),
    path("jobs/<str:job_id>/command", rest.CommandView.as_view()),
    path("jobs/<str:job_id>/log", rest.LogView.as_view()),
]
pages: list = []
