from django.urls import path

from datasets_app.recipes.registry import RECIPES
from datasets_app.web import api as rest
from datasets_app.web import data_api as data
from datasets_app.web import recipes_api as recipes
from datasets_app.web import version_views, views
from datasets_app.web.editing_views import edit_rows
from datasets_app.web.recipes_views import recipe_page, recipes_page

# Never here, since they are streamed: POST /v1/files, /v1/uploads/{id}/parts and /api/v1/files/{id}/versions. See
# datasets_app.web.receiving.
v1 = [
    path("files", rest.FilesView.as_view()),
    path("files/<str:file_id>", rest.FileView.as_view()),
    path("files/<str:file_id>/content", rest.ContentView.as_view()),
    path("uploads", rest.UploadsView.as_view()),
    path("uploads/<str:upload_id>", rest.UploadView.as_view()),
    path("uploads/<str:upload_id>/complete", rest.CompleteView.as_view()),
    path("uploads/<str:upload_id>/cancel", rest.CancelView.as_view()),
]
api = [
    path("files/<str:file_id>", data.WholeFileView.as_view()),
    path("files/<str:file_id>/faults", data.FaultsView.as_view()),
    path("files/<str:file_id>/faults/groups", data.FaultGroupsView.as_view()),
    path("files/<str:file_id>/faults/content", data.FaultsContentView.as_view()),
    path("files/<str:file_id>/repairs", data.RepairsView.as_view()),
    path("files/<str:file_id>/reading", data.ReadingView.as_view()),
    path("files/<str:file_id>/split", data.SplitView.as_view()),
    path("files/<str:file_id>/acceptance", recipes.AcceptanceView.as_view()),
    path("recipes", recipes.RecipesView.as_view()),
    *(path(f"recipes/{name}", recipes.recipe_view(recipe)) for name, recipe in RECIPES.items()),
    path("datasets/mix", data.MixView.as_view()),
    path("files/<str:file_id>/diff", data.DiffView.as_view()),
    path("files/<str:file_id>/versions", data.VersionsView.as_view()),
    path("files/<str:file_id>/statistics", data.StatisticsView.as_view()),
    path("files/<str:file_id>/examples", data.ExamplesView.as_view()),
    path("files/<str:file_id>/rows", data.RowsView.as_view()),
    path("files/<str:file_id>/rows/<int:number>/tokens", data.TokensView.as_view()),
]
pages = [
    path("datasets", views.datasets, name="datasets"),
    path("datasets/recipes", recipes_page, name="recipes"),
    *(path(f"datasets/{name}", recipe_page, {"name": name}, name=f"{name}_recipe") for name in RECIPES),
    path("datasets/mix", version_views.mix_datasets, name="mix_datasets"),
    path("datasets/upload", views.upload_dataset, name="upload_dataset"),
    path("datasets/<str:file_id>", views.dataset, name="dataset"),
    path("datasets/<str:file_id>/edit", edit_rows, name="edit_rows"),
    path("datasets/<str:file_id>/delete", views.delete_dataset, name="delete_dataset"),
    path("datasets/<str:file_id>/versions", version_views.upload_version, name="upload_version"),
    path("datasets/<str:file_id>/read-as", version_views.read_dataset_as, name="read_dataset_as"),
    path("datasets/<str:file_id>/split", version_views.split_dataset, name="split_dataset"),
    path("datasets/<str:file_id>/repair", version_views.repair_dataset, name="repair_dataset"),
    path("datasets/<str:file_id>/faults", views.download_faults, name="download_faults"),
    path("datasets/<str:file_id>/download", views.download_dataset, name="download_dataset"),
]
