from django.urls import URLPattern, path

from batches.web import api as rest
from batches.web import views

v1: list[URLPattern] = [
    path("batches", rest.Batches.as_view()),
    path("batches/<str:batch_id>", rest.OneBatch.as_view()),
    path("batches/<str:batch_id>/cancel", rest.CancelView.as_view()),
]
api: list[URLPattern] = [path("batches/<str:batch_id>", rest.DeleteView.as_view())]
pages: list[URLPattern] = [
    path("batches", views.batches, name="batches"),
    path("batches/<str:batch_id>", views.batch, name="batch"),
    path("batches/<str:batch_id>/live", views.batch_live, name="batch_live"),
    path("batches/<str:batch_id>/output", views.batch_output, name="batch_output"),
    path("batches/<str:batch_id>/errors", views.batch_errors, name="batch_errors"),
    path("batches/<str:batch_id>/cancel", views.cancel_batch, name="cancel_batch"),
    path("batches/<str:batch_id>/delete", views.delete_batch, name="delete_batch"),
]
