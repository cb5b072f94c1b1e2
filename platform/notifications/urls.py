from django.urls import URLPattern, path

from notifications.web import api as rest
from notifications.web import views

api: list[URLPattern] = [
    path("notifications", rest.NotificationsView.as_view()),
    path("notifications/read", rest.ReadView.as_view()),
    path("notifications/choices", rest.ChoicesView.as_view()),
]
pages: list[URLPattern] = [
    path("notifications", views.notifications, name="notifications"),
    path("notifications/read", views.read_notifications, name="read_notifications"),
    path("notifications/<str:notice_id>", views.notice, name="notice"),
]
