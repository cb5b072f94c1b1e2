from django.urls import URLPattern, path

from deployments.gateway import openai_api
from deployments.web import api as our_api
from deployments.web import views

v1: list[URLPattern] = [
    path("chat/completions", openai_api.chat_completions),
    path("completions", openai_api.completions),
    path("models", openai_api.Models.as_view()),
    path("models/<path:name>", openai_api.Model.as_view()),
]
api: list[URLPattern] = [
    path("deployments", our_api.Deployments.as_view()),
    path("deployments/<str:deployment_id>", our_api.OneDeployment.as_view()),
    *(
        path(f"deployments/<str:deployment_id>/{action}", our_api.SwitchView.as_view(action=action))
        for action in our_api.SWITCHES
    ),
]
pages: list[URLPattern] = [
    path("deployments", views.deployments, name="deployments"),
    path("deployments/from-job", views.deploy_model, name="deploy_model"),
    path("models/delete", views.delete_model, name="delete_model"),
    path("deployments/<str:deployment_id>", views.deployment, name="deployment"),
    path("deployments/<str:deployment_id>/live", views.deployment_live, name="deployment_live"),
    path("deployments/<str:deployment_id>/settings", views.deployment_settings, name="deployment_settings"),
    path("deployments/<str:deployment_id>/pause", views.pause_deployment, name="pause_deployment"),
    path("deployments/<str:deployment_id>/resume", views.resume_deployment, name="resume_deployment"),
    path("deployments/<str:deployment_id>/undeploy", views.undeploy, name="undeploy"),
    path("deployments/<str:deployment_id>/chat", views.deployment_chat, name="deployment_chat"),
]
