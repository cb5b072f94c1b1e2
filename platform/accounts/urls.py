from django.urls import path

from accounts import api as rest
from accounts import audit_api, audit_views, members_views, views

v1: list = []
api = [
    path("teams/<str:team>/members", rest.MembersView.as_view()),
    path("teams/<str:team>/members/<str:member_id>", rest.MemberView.as_view()),
    path("audit", audit_api.AuditView.as_view()),
    path("audit.csv", audit_api.AuditFileView.as_view()),
]
pages = [
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-out", views.sign_out, name="sign_out"),
    path("preferences", views.preferences, name="preferences"),
    path("team", views.choose_team, name="choose_team"),
    path("keys", views.keys, name="keys"),
    path("keys/<str:key_id>/revoke", views.revoke_key, name="revoke_key"),
    path("members", members_views.team_members, name="members"),
    path("members/<str:member_id>/role", members_views.change_member, name="change_member"),
    path("members/<str:member_id>/remove", members_views.remove_member, name="remove_member"),
    path("audit", audit_views.audit_page, name="audit"),
    path("more", views.more, name="more"),
]
