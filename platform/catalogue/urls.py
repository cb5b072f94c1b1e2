from django.urls import URLPattern, path

from catalogue import api as rest
from catalogue import views

v1: list[URLPattern] = []
api = [
    path("catalogue", rest.CatalogueView.as_view()),
    path("catalogue/<str:model_id>", rest.ModelView.as_view()),
    path("catalogue/<str:model_id>/download", rest.DownloadView.as_view()),
    path("catalogue/<str:model_id>/accept_licence", rest.LicenceView.as_view()),
    path("hubs/<str:hub>/token", rest.HubTokenView.as_view()),
]
pages = [
    path("catalogue", views.catalogue, name="catalogue"),
    path("catalogue/<str:model_id>/download", views.download_model, name="download_model"),
]
