from django.urls import URLPattern, path

from catalogue import api as rest
from catalogue import foreign_names_api as names
from catalogue import views

v1: list[URLPattern] = []
api = [
    path("catalogue", rest.CatalogueView.as_view()),
    path("catalogue/<str:model_id>", rest.ModelView.as_view()),
    path("catalogue/<str:model_id>/download", rest.DownloadView.as_view()),
    path("catalogue/<str:model_id>/accept_licence", rest.LicenceView.as_view()),
    path("catalogue/<str:model_id>/shutdown_date", rest.ShutdownView.as_view()),
    path("model_names", names.ModelNamesView.as_view()),
    path("model_names/<path:name>", names.ModelNameView.as_view()),
    path("hubs/<str:hub>/token", rest.HubTokenView.as_view()),
]
pages = [
    path("catalogue", views.catalogue, name="catalogue"),
    path("catalogue/names", views.map_name, name="map_model_name"),
    path("catalogue/names/proposed", views.map_proposed, name="map_proposed_names"),
    path("catalogue/names/remove", views.unmap_name, name="unmap_model_name"),
    path("catalogue/<str:model_id>/download", views.download_model, name="download_model"),
    path("catalogue/<str:model_id>/shutdown-date", views.announce_shutdown, name="announce_shutdown"),
]
