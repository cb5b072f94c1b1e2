from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "catalogue"
    scope = "admin"
    read_scopes = ("data", "train", "serve")
