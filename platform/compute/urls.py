from typing import Any

from django.urls import path

from compute.administering.nodes import ACTIONS
from compute.web import api as rest
from compute.web import views
from compute.web.maintenance_api import MaintenancesView, MaintenanceView
from compute.web.maintenance_page import cancel_maintenance, maintenance_effect, maintenance_page
from compute.web.node_views import node_action
from compute.web.nodes_api import NodeActionView
from compute.web.pool_actions import (
    change_pool_action,
    change_quota,
    create_pool_action,
    delete_pool_action,
    move_node_action,
    move_node_effect,
    quota_effect,
)
from compute.web.pools_api import MoveNodeView, OnePoolView, PoolsView
from compute.web.queue_api import MoveView, PreemptView, PriorityView, QueueView
from compute.web.queue_page import preempt_page, queue_action, queue_page
from compute.web.usage_page import usage_page

v1: list[Any] = []
api = [
    path("pool", rest.PoolView.as_view()),
    path("pools", PoolsView.as_view()),
    path("pools/<str:pool>", OnePoolView.as_view()),
    path("pool/forecasts", rest.ForecastsView.as_view()),
    path("maintenance", MaintenancesView.as_view()),
    path("maintenance/<str:maintenance_id>", MaintenanceView.as_view()),
    path("queue", QueueView.as_view()),
    path("queue/<str:run>/move", MoveView.as_view()),
    path("queue/<str:run>/preempt", PreemptView.as_view()),
    path("queue/<str:run>/priority", PriorityView.as_view()),
    path("quotas/<str:team>", rest.QuotaView.as_view()),
    path("nodes/<str:name>/move", MoveNodeView.as_view()),
    *(path(f"nodes/<str:name>/{action}", NodeActionView.as_view(action=action)) for action in ACTIONS),
]
pages = [
    path("pool", views.pool_page, name="pool"),
    path("pool/pools", create_pool_action, name="create_pool"),
    path("pool/pools/<str:pool>", change_pool_action, name="change_pool"),
    path("pool/pools/<str:pool>/delete", delete_pool_action, name="delete_pool"),
    path("pool/nodes/<str:name>/move", move_node_action, name="move_node"),
    path("pool/nodes/<str:name>/move/effect", move_node_effect, name="move_node_effect"),
    path("pool/nodes/<str:name>/<str:action>", node_action, name="node_action"),
    path("pool/maintenance", maintenance_page, name="maintenance"),
    path("pool/maintenance/effect", maintenance_effect, name="maintenance_effect"),
    path("pool/maintenance/<str:maintenance_id>/cancel", cancel_maintenance, name="cancel_maintenance"),
    path("queue", queue_page, name="queue"),
    path("queue/<str:run>", queue_action, name="queue_action"),
    path("queue/<str:run>/preempt", preempt_page, name="preempt"),
    path("usage", usage_page, name="usage"),
    path("pool/quotas/<int:team_id>", change_quota, name="set_quota"),
    path("pool/quotas/<int:team_id>/effect", quota_effect, name="quota_effect"),
]
