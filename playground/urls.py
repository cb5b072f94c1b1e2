from django.urls import URLPattern, path

from playground.web import api as rest
from playground.web import asking, views

api: list[URLPattern] = [
    path("playground/shares", rest.Shares.as_view()),
    path("playground/shares/<str:share_id>", rest.OneShare.as_view()),
]
pages: list[URLPattern] = [
    path("playground", views.playground, name="playground"),
    path("playground/ask", asking.ask, name="playground_ask"),
    path("playground/answers", asking.ask_both, name="playground_answers"),
    path("playground/standing", views.standing, name="playground_standing"),
    path("playground/keep", views.keep, name="playground_keep"),
    path("playground/kept", views.kept, name="playground_kept"),
    path("playground/shares", views.shares, name="playground_shares"),
    path("playground/shares/<str:share_id>", views.share, name="playground_share"),
    path("playground/shares/<str:share_id>/delete", views.delete_share, name="delete_share"),
]
