from django.urls import path

from accounts import api as rest
from accounts import (
    audit_api,
    audit_views,
    invitations_api,
    keys_api,
    keys_views,
    limits_api,
    link_views,
    members_views,
    teams_views,
    views,
)

v1: list = []
api = [
    path("teams", invitations_api.TeamsView.as_view()),
    path("teams/<str:team>", invitations_api.OneTeamView.as_view()),
    path("teams/<str:team>/limits", limits_api.TeamLimitsView.as_view()),
    path("teams/<str:team>/invitations", invitations_api.InvitationsView.as_view()),
    path("teams/<str:team>/invitations/<str:link_id>", invitations_api.InvitationView.as_view()),
    path("teams/<str:team>/members/<str:member_id>/password_link", invitations_api.PasswordLinkView.as_view()),
    path("teams/<str:team>/members", rest.MembersView.as_view()),
    path("teams/<str:team>/members/<str:member_id>", rest.MemberView.as_view()),
    path("keys", keys_api.KeysView.as_view()),
    path("keys/current", keys_api.CurrentKeyView.as_view()),
    path("keys/<str:key_id>", keys_api.KeyView.as_view()),
    path("keys/<str:key_id>/rotate", keys_api.RotateKeyView.as_view()),
    path("audit", audit_api.AuditView.as_view()),
    path("audit.csv", audit_api.AuditFileView.as_view()),
]
pages = [
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-out", views.sign_out, name="sign_out"),
    path("preferences", views.preferences, name="preferences"),
    path("team", views.choose_team, name="choose_team"),
    path("keys", keys_views.keys, name="keys"),
    path("keys/<str:key_id>/revoke", keys_views.revoke_key, name="revoke_key"),
    path("keys/<str:key_id>/rotate", keys_views.rotate_key, name="rotate_key"),
    path("members", members_views.team_members, name="members"),
    path("members/invite", members_views.invite, name="invite"),
    path("members/invitations/<str:link_id>/revoke", members_views.revoke_invitation, name="revoke_invitation"),
    path("members/<str:member_id>/role", members_views.change_member, name="change_member"),
    path("members/<str:member_id>/remove", members_views.remove_member, name="remove_member"),
    path("invitation/<str:token>", link_views.invitation, name="invitation"),
    path("new-password/<str:token>", link_views.new_password, name="new_password"),
    path("password", link_views.password, name="password"),
    path("teams", teams_views.teams_page, name="teams"),
    path("teams/<int:team_id>/limits", teams_views.team_limits, name="team_limits"),
    path("teams/<int:team_id>/name", teams_views.rename_team, name="rename_team"),
    path("people/<int:user_id>/password-link", teams_views.password_link, name="password_link"),
    path("audit", audit_views.audit_page, name="audit"),
    path("more", views.more, name="more"),
]
