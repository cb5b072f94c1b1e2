from django.urls import path

from jobs.web import api as rest
from jobs.web import names, views
from jobs.web.live.streaming import job_stream

v1 = [
    path("fine_tuning/jobs", rest.JobsView.as_view()),
    path("fine_tuning/jobs/<str:job_id>", rest.JobView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/cancel", rest.CancelView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/pause", rest.PauseView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/finish", rest.FinishView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/resume", rest.ResumeView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/events", rest.EventsView.as_view()),
    path("fine_tuning/jobs/<str:job_id>/checkpoints", rest.CheckpointsView.as_view()),
]
api = [
    path("hyperparameters", rest.HyperparametersView.as_view()),
    path("jobs/estimate", rest.EstimateView.as_view()),
    path("jobs/<str:job_id>", names.JobNameView.as_view()),
    path("jobs/<str:job_id>/acceptance", rest.AcceptanceView.as_view()),
    path("jobs/<str:job_id>/command", rest.CommandView.as_view()),
    path("jobs/<str:job_id>/metrics", rest.MetricsView.as_view()),
    path("jobs/<str:job_id>/log", rest.LogView.as_view()),
    path("jobs/<str:job_id>/retry", rest.RetryView.as_view()),
    path("jobs/<str:job_id>/queue", rest.QueueView.as_view()),
]
pages = [
    path("jobs", views.jobs, name="jobs"),
    path("jobs/new", views.new_job, name="new_job"),
    path("jobs/estimate", views.job_estimate, name="job_estimate"),
    path("jobs/<str:job_id>", views.job, name="job"),
    path("jobs/<str:job_id>/stream", job_stream, name="job_stream"),
    path("jobs/<str:job_id>/live", views.job_live, name="job_live"),
    path("jobs/<str:job_id>/events", views.job_events, name="job_events"),
    path("jobs/<str:job_id>/log", views.job_log, name="job_log"),
    path("jobs/<str:job_id>/log.txt", views.job_log_file, name="job_log_file"),
    path("jobs/<str:job_id>/whole-log", views.job_whole_log, name="job_whole_log"),
    path("jobs/<str:job_id>/queue", views.job_queue, name="job_queue"),
    path("jobs/<str:job_id>/curve", views.job_curve, name="job_curve"),
    path("jobs/<str:job_id>/figures", views.job_figures, name="job_figures"),
    path("jobs/<str:job_id>/retry", views.retry_job, name="retry_job"),
    path("jobs/<str:job_id>/name", views.name_job, name="name_job"),
    path("jobs/<str:job_id>/<str:action>", views.change_job, name="change_job"),
]
