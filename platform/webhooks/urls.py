from django.urls import URLPattern, path

from webhooks.web import api as rest
from webhooks.web import views

v1: list[URLPattern] = [
    path("webhook_event_types", rest.EventTypesView.as_view()),
    path("webhook_endpoints", rest.WebhooksView.as_view()),
    path("webhook_endpoints/<str:webhook_id>", rest.WebhookView.as_view()),
    path("webhook_endpoints/<str:webhook_id>/rotate_secret", rest.RotateSecretView.as_view()),
    path("webhook_endpoints/<str:webhook_id>/test", rest.SampleView.as_view()),
]
api: list[URLPattern] = [
    path("webhook_event_types", rest.EventTypesView.as_view()),
    path("webhooks", rest.WebhooksView.as_view()),
    path("webhooks/<str:webhook_id>", rest.WebhookView.as_view()),
    path("webhooks/<str:webhook_id>/rotate_secret", rest.RotateSecretView.as_view()),
    path("webhooks/<str:webhook_id>/test", rest.SampleView.as_view()),
    path("webhooks/<str:webhook_id>/deliveries", rest.DeliveriesView.as_view()),
    path("webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver", rest.RedeliverView.as_view()),
]
pages: list[URLPattern] = [
    path("webhooks", views.webhooks, name="webhooks"),
    path("webhooks/<str:webhook_id>", views.webhook, name="webhook"),
    path("webhooks/<str:webhook_id>/rotate", views.rotate_secret, name="rotate_webhook"),
    path("webhooks/<str:webhook_id>/test", views.send_test, name="test_webhook"),
    path("webhooks/<str:webhook_id>/switch", views.switch, name="switch_webhook"),
    path("webhooks/<str:webhook_id>/delete", views.delete_webhook, name="delete_webhook"),
    path("webhooks/<str:webhook_id>/deliveries/<str:delivery_id>", views.redeliver, name="redeliver"),
]
