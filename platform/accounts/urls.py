from django.urls import path

from accounts import views

v1: list = []
api: list = []
pages = [
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-out", views.sign_out, name="sign_out"),
    path("preferences", views.preferences, name="preferences"),
    path("team", views.choose_team, name="choose_team"),
    path("keys", views.keys, name="keys"),
    path("keys/<str:key_id>/revoke", views.revoke_key, name="revoke_key"),
    path("more", views.more, name="more"),
]
