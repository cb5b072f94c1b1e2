"""Every route by every role: a new route fails here until its role is written into the table."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Membership, Team, User
from accounts.services import create_api_key
from console.asgi import application
from datasets_app.recipes.registry import RECIPES
from datasets_app.web.receiving import ASGI_ROUTES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
Role = Membership.Role
V, M, O, ADMIN, ANY = Role.VIEWER, Role.MEMBER, Role.OWNER, "administrators, whatever their role", "everybody"  # noqa: E741

ROUTES: dict[str, dict[str, str]] = {
    # Pages
    "": {"GET": V},
    "start-sample": {"POST": M},
    "healthz": {"GET": ANY},
    "metrics": {"GET": ANY},  # from this machine, or with its token
    "sign-in": {"GET": ANY, "POST": ANY},
    "sign-out": {"POST": ANY},
    "preferences": {"POST": ANY},
    "team": {"POST": ANY},
    "more": {"GET": ANY},
    "llms.txt": {"GET": ANY},
    "api/schema": {"GET": ANY},
    "api/docs": {"GET": ANY},
    "keys": {"GET": V, "POST": M},
    "keys/<key_id>/rotate": {"POST": M},
    "keys/<key_id>/revoke": {"POST": V},  # one's own: TestOwnWork
    "members": {"GET": V, "POST": O},
    "members/<member_id>/role": {"POST": O},
    "members/<member_id>/remove": {"POST": O},
    "members/invite": {"POST": O},
    "members/invitations/<link_id>/revoke": {"POST": O},
    "notifications": {"GET": V, "POST": V},  # one's own
    "notifications/read": {"POST": V},
    "notifications/<notice_id>": {"GET": V},
    "webhooks": {"GET": V, "POST": M},
    "webhooks/<webhook_id>": {"GET": V, "POST": M},
    "webhooks/<webhook_id>/rotate": {"POST": M},
    "webhooks/<webhook_id>/test": {"POST": M},
    "webhooks/<webhook_id>/switch": {"POST": M},
    "webhooks/<webhook_id>/delete": {"POST": M},
    "webhooks/<webhook_id>/deliveries/<delivery_id>": {"POST": M},
    "invitation/<token>": {"GET": ANY, "POST": ANY},
    "new-password/<token>": {"GET": ANY, "POST": ANY},
    "password": {"GET": ANY, "POST": ANY},
    "teams": {"GET": ADMIN, "POST": ADMIN},
    "teams/<team_id>/name": {"POST": ADMIN},
    "teams/<team_id>/limits": {"GET": ADMIN, "POST": ADMIN},
    "people/<user_id>/password-link": {"POST": ADMIN},
    "audit": {"GET": O},
    "catalogue": {"GET": ANY},
    "catalogue/<model_id>/shutdown-date": {"POST": ADMIN},
    "api/v1/catalogue/<model_id>/shutdown_date": {"PUT": ADMIN},
    "catalogue/names": {"POST": ADMIN},
    "catalogue/names/proposed": {"POST": ADMIN},
    "catalogue/names/remove": {"POST": ADMIN},
    "catalogue/<model_id>/download": {"POST": ADMIN},
    "pool": {"GET": ADMIN},
    "pool/nodes/<name>/<action>": {"POST": ADMIN},
    "pool/pools": {"POST": ADMIN},
    "pool/pools/<pool>": {"POST": ADMIN},
    "pool/pools/<pool>/delete": {"POST": ADMIN},
    "pool/nodes/<name>/move": {"POST": ADMIN},
    "pool/nodes/<name>/move/effect": {"GET": ADMIN},
    "pool/maintenance": {"GET": ADMIN, "POST": ADMIN},
    "pool/maintenance/effect": {"GET": ADMIN},
    "pool/maintenance/<maintenance_id>/cancel": {"POST": ADMIN},
    "queue": {"GET": V},
    "queue/<run>": {"POST": ADMIN},
    "queue/<run>/preempt": {"GET": ADMIN, "POST": ADMIN},
    "usage": {"GET": V},
    "pool/quotas/<team_id>": {"POST": ADMIN},
    "pool/quotas/<team_id>/effect": {"GET": ADMIN},
    "datasets": {"GET": V},
    "datasets/recipes": {"GET": M},
    **{f"datasets/{name}": {"GET": M, "POST": M} for name in RECIPES},
    "datasets/mix": {"POST": M},
    "datasets/upload": {"POST": M},
    "datasets/<file_id>": {"GET": V},
    "datasets/<file_id>/edit": {"GET": M, "POST": M},
    "datasets/<file_id>/delete": {"POST": M},
    "datasets/<file_id>/versions": {"POST": M},
    "datasets/<file_id>/read-as": {"POST": M},
    "datasets/<file_id>/split": {"POST": M},
    "datasets/<file_id>/repair": {"POST": M},
    "datasets/<file_id>/faults": {"GET": V},
    "datasets/<file_id>/download": {"GET": V},
    "jobs": {"GET": V},
    "jobs/new": {"GET": M, "POST": M},
    "jobs/estimate": {"GET": V},
    "jobs/compare": {"GET": V},
    "jobs/<job_id>": {"GET": V},
    "jobs/<job_id>/stream": {"GET": V},
    "jobs/<job_id>/live": {"GET": V},
    "jobs/<job_id>/events": {"GET": V},
    "jobs/<job_id>/log": {"GET": V},
    "jobs/<job_id>/log.txt": {"GET": V},
    "jobs/<job_id>/whole-log": {"GET": ADMIN},
    "jobs/<job_id>/curve": {"GET": V},
    "jobs/<job_id>/figures": {"GET": V},
    "jobs/<job_id>/queue": {"GET": V, "POST": M},
    "jobs/<job_id>/retry": {"POST": M},
    "jobs/<job_id>/name": {"POST": M},
    "jobs/<job_id>/<action>": {"POST": M},
    "evaluations": {"GET": V, "POST": M},
    "evaluations/of-job/<job_id>": {"GET": V, "POST": M},
    "evaluations/<evaluation_id>": {"GET": V},
    "evaluations/<evaluation_id>/live": {"GET": V},
    "evaluations/<evaluation_id>/cancel": {"POST": M},
    "evaluations/<evaluation_id>/delete": {"POST": M},
    "evaluations/<evaluation_id>/vote": {"POST": M},
    "deployments": {"GET": V, "POST": M},
    "deployments/from-job": {"POST": M},
    "models/delete": {"POST": M},
    "models": {"GET": V},
    "models/<model_id>": {"GET": V},
    "models/<model_id>/name": {"POST": M},
    "models/<model_id>/card": {"GET": V},
    "models/<model_id>/package": {"GET": V},
    "deployments/<deployment_id>": {"GET": V},
    "deployments/<deployment_id>/live": {"GET": V},
    "deployments/<deployment_id>/settings": {"POST": M},
    "deployments/<deployment_id>/pause": {"POST": M},
    "deployments/<deployment_id>/resume": {"POST": M},
    "deployments/<deployment_id>/undeploy": {"POST": M},
    "deployments/<deployment_id>/chat": {"POST": V},  # to ask makes nothing
    "playground": {"GET": V},
    "playground/ask": {"POST": V},  # to ask makes nothing
    "playground/answers": {"POST": V},
    "playground/standing": {"GET": V},
    "playground/keep": {"POST": M},
    "playground/kept": {"POST": M},
    "batches": {"GET": V, "POST": M},
    "batches/<batch_id>": {"GET": V},
    "batches/<batch_id>/live": {"GET": V},
    "batches/<batch_id>/output": {"GET": V},
    "batches/<batch_id>/errors": {"GET": V},
    "batches/<batch_id>/cancel": {"POST": M},
    "batches/<batch_id>/delete": {"POST": M},
    "playground/shares": {"GET": V, "POST": M},
    "playground/shares/<share_id>": {"GET": V},
    "playground/shares/<share_id>/delete": {"POST": M},
    # OpenAI's surface
    "v1/files": {"GET": V},
    "v1/files/<file_id>": {"GET": V, "DELETE": M},
    "v1/files/<file_id>/content": {"GET": V},
    "v1/uploads": {"POST": M},
    "v1/uploads/<upload_id>": {"GET": V},
    "v1/uploads/<upload_id>/complete": {"POST": M},
    "v1/uploads/<upload_id>/cancel": {"POST": M},
    "v1/fine_tuning/jobs": {"GET": V, "POST": M},
    "v1/fine_tuning/jobs/<job_id>": {"GET": V},
    "v1/fine_tuning/jobs/<job_id>/cancel": {"POST": M},
    "v1/fine_tuning/jobs/<job_id>/pause": {"POST": M},
    "v1/fine_tuning/jobs/<job_id>/finish": {"POST": M},
    "v1/fine_tuning/jobs/<job_id>/resume": {"POST": M},
    "v1/fine_tuning/jobs/<job_id>/events": {"GET": V},
    "v1/fine_tuning/jobs/<job_id>/checkpoints": {"GET": V},
    "v1/fine_tuning/alpha/graders/run": {"POST": V},  # to ask makes nothing
    "v1/fine_tuning/alpha/graders/validate": {"POST": V},
    "v1/chat/completions": {"POST": V},
    "v1/completions": {"POST": V},
    "v1/models": {"GET": V},
    "v1/models/<name>": {"GET": V, "DELETE": M},
    # Ours
    "api/v1/teams/<team>/members": {"GET": V, "POST": O},
    "api/v1/teams/<team>/members/<member_id>": {"GET": V, "PATCH": O, "DELETE": O},
    "api/v1/teams": {"GET": V, "POST": ADMIN},
    "api/v1/teams/<team>": {"GET": V, "PATCH": ADMIN},
    "api/v1/teams/<team>/limits": {"GET": V, "PUT": ADMIN},
    "api/v1/teams/<team>/invitations": {"GET": O, "POST": O},
    "api/v1/teams/<team>/invitations/<link_id>": {"DELETE": O},
    "api/v1/teams/<team>/members/<member_id>/password_link": {"POST": ADMIN},
    "api/v1/keys": {"GET": V, "POST": M},
    "api/v1/keys/current": {"GET": V},
    "api/v1/keys/<key_id>": {"GET": V, "DELETE": V},  # one's own
    "api/v1/keys/<key_id>/rotate": {"POST": M},
    "v1/webhook_endpoints": {"GET": V, "POST": M},
    "v1/webhook_endpoints/<webhook_id>": {"GET": V, "POST": M, "DELETE": M},
    "v1/webhook_endpoints/<webhook_id>/rotate_secret": {"POST": M},
    "v1/webhook_endpoints/<webhook_id>/test": {"POST": M},
    "api/v1/webhooks": {"GET": V, "POST": M},
    "api/v1/webhooks/<webhook_id>": {"GET": V, "POST": M, "DELETE": M},
    "api/v1/webhooks/<webhook_id>/rotate_secret": {"POST": M},
    "api/v1/webhooks/<webhook_id>/test": {"POST": M},
    "api/v1/webhooks/<webhook_id>/deliveries": {"GET": V},
    "api/v1/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver": {"POST": M},
    "v1/webhook_event_types": {"GET": V},
    "api/v1/webhook_event_types": {"GET": V},
    "api/v1/notifications": {"GET": V},
    "api/v1/notifications/read": {"POST": V},  # one's own
    "api/v1/notifications/choices": {"GET": V, "PUT": V},
    "api/v1/audit": {"GET": O},
    "api/v1/audit.csv": {"GET": O},
    "api/v1/catalogue": {"GET": ANY},
    "api/v1/catalogue/<model_id>": {"GET": ANY},
    "api/v1/catalogue/<model_id>/download": {"POST": ADMIN},
    "api/v1/catalogue/<model_id>/accept_licence": {"POST": ADMIN},
    "api/v1/model_names": {"GET": ANY},
    "api/v1/model_names/<name>": {"PUT": ADMIN, "DELETE": ADMIN},
    "api/v1/hubs/<hub>/token": {"PUT": ADMIN},
    "api/v1/pool": {"GET": V},
    "api/v1/pool/forecasts": {"GET": ADMIN},
    "api/v1/quotas/<team>": {"GET": V, "PUT": ADMIN},
    "api/v1/queue": {"GET": V},
    "api/v1/queue/<run>/move": {"POST": ADMIN},
    "api/v1/queue/<run>/priority": {"POST": ADMIN},
    "api/v1/queue/<run>/preempt": {"GET": ADMIN, "POST": ADMIN},
    "api/v1/pools": {"GET": V, "POST": ADMIN},
    "api/v1/pools/<pool>": {"PATCH": ADMIN, "DELETE": ADMIN},
    "api/v1/nodes/<name>/move": {"POST": ADMIN},
    "api/v1/maintenance": {"GET": V, "POST": ADMIN},
    "api/v1/maintenance/<maintenance_id>": {"DELETE": ADMIN},
    "api/v1/nodes/<name>/cordon": {"POST": ADMIN},
    "api/v1/nodes/<name>/drain": {"POST": ADMIN},
    "api/v1/nodes/<name>/uncordon": {"POST": ADMIN},
    "api/v1/usage": {"GET": V},
    "api/v1/usage.csv": {"GET": V},
    "api/v1/files/<file_id>": {"GET": V},
    "api/v1/files/<file_id>/faults": {"GET": V},
    "api/v1/files/<file_id>/faults/groups": {"GET": V},
    "api/v1/files/<file_id>/faults/content": {"GET": V},
    "api/v1/files/<file_id>/repairs": {"GET": V, "POST": M},
    "api/v1/files/<file_id>/reading": {"POST": M},
    "api/v1/files/<file_id>/split": {"POST": M},
    "api/v1/files/<file_id>/acceptance": {"GET": V},
    "api/v1/files/<file_id>/diff": {"GET": V},
    "api/v1/files/<file_id>/versions": {"GET": V},
    "api/v1/files/<file_id>/statistics": {"GET": V},
    "api/v1/files/<file_id>/examples": {"GET": V},
    "api/v1/files/<file_id>/rows": {"GET": V, "POST": M, "PATCH": M},
    "api/v1/files/<file_id>/rows/<number>/tokens": {"GET": V},
    "api/v1/recipes": {"GET": V},
    **{f"api/v1/recipes/{name}": {"POST": M} for name in RECIPES},
    "api/v1/datasets/mix": {"POST": M},
    "api/v1/hyperparameters": {"GET": V},
    "api/v1/jobs/estimate": {"POST": V},
    "api/v1/jobs/compare": {"GET": V},
    "api/v1/jobs/<job_id>": {"GET": V, "PATCH": M},
    "api/v1/jobs/<job_id>/acceptance": {"GET": V},
    "api/v1/jobs/<job_id>/command": {"GET": V},
    "api/v1/jobs/<job_id>/log": {"GET": V},
    "api/v1/jobs/<job_id>/metrics": {"GET": V},
    "api/v1/jobs/<job_id>/queue": {"GET": V, "POST": M},
    "api/v1/jobs/<job_id>/retry": {"POST": M},
    "api/v1/jobs/<job_id>/verdict": {"GET": V, "POST": M},
    "api/v1/models": {"GET": V},
    "api/v1/models/<model_id>": {"GET": V, "PATCH": M},
    "api/v1/models/<model_id>/card": {"GET": V},
    "api/v1/models/<model_id>/package": {"GET": V},
    "api/v1/evaluations": {"GET": V, "POST": M},
    "api/v1/evaluations/<evaluation_id>": {"GET": V, "DELETE": M},
    "api/v1/evaluations/<evaluation_id>/cancel": {"POST": M},
    "api/v1/evaluations/<evaluation_id>/samples": {"GET": V},
    "api/v1/evaluations/<evaluation_id>/samples.csv": {"GET": V},
    "api/v1/evaluations/<evaluation_id>/samples.jsonl": {"GET": V},
    "api/v1/evaluations/<evaluation_id>/votes": {"GET": V, "POST": M},
    "v1/evals": {"GET": V, "POST": M},
    "v1/evals/<eval_id>": {"GET": V, "POST": M, "DELETE": M},
    "v1/evals/<eval_id>/runs": {"GET": V, "POST": M},
    "v1/evals/<eval_id>/runs/<run_id>": {"GET": V, "POST": M, "DELETE": M},
    "v1/evals/<eval_id>/runs/<run_id>/cancel": {"POST": M},
    "v1/evals/<eval_id>/runs/<run_id>/output_items": {"GET": V},
    "v1/evals/<eval_id>/runs/<run_id>/output_items/<item_id>": {"GET": V},
    "v1/batches": {"GET": V, "POST": M},
    "v1/batches/<batch_id>": {"GET": V},
    "v1/batches/<batch_id>/cancel": {"POST": M},
    "api/v1/batches/<batch_id>": {"DELETE": M},
    "api/v1/playground/shares": {"GET": V, "POST": M},
    "api/v1/playground/shares/<share_id>": {"GET": V, "DELETE": M},
    "api/v1/deployments": {"GET": V, "POST": M},
    "api/v1/deployments/<deployment_id>": {"GET": V, "PATCH": M, "DELETE": M},
    "api/v1/deployments/<deployment_id>/pause": {"POST": M},
    "api/v1/deployments/<deployment_id>/resume": {"POST": M},
}
STREAMED = ("/v1/files", "/v1/uploads/upload-x/parts", "/api/v1/files/file-x/versions")
"""What the shell routes past Django: POST, and a member's."""


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Yield every address but the administration pages', whose rules are Django's own."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield re.sub(r"<\w+:(\w+)>", r"<\1>", route)
        elif pattern.app_name != "admin":
            yield from routes(pattern, route)


def address(route: str) -> str:
    """Return one with ids that nothing has."""
    known = {"team": "a", "team_id": "7777", "user_id": "7777", "number": "7777"}
    return "/" + re.sub(r"<(\w+)>", lambda part: known.get(part[1], "x-1"), route)


def person(role: str, *, is_staff: bool = False) -> User:
    team = Team.objects.filter(name="A").first() or Team.create(name="A")
    user = User.objects.create_user(f"{role}@example.com", is_staff=is_staff, is_superuser=is_staff)
    Membership.objects.create(team=team, user=user, role=role)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_refused(reply: Any) -> bool:
    """Tell whether the role was what did not suffice."""
    return reply.status_code == 403 and "owners of the team" in reply.content.decode()


def test_every_route_has_its_role() -> None:
    client = signed_in(person(O, is_staff=True))
    found: dict[str, set[str]] = {}
    for route in routes():
        if not route.startswith("admin/"):
            allowed = client.options(address(route)).headers.get("allow", "GET")
            found[route] = set(allowed.replace(",", " ").split()) - {"HEAD", "OPTIONS"}
    assert found == {route: set(methods) for route, methods in ROUTES.items()}


@pytest.mark.parametrize("role", list(Role))
def test_every_route_by_role(role: Role) -> None:
    """With the console's session: what a key may is the same, by the same rule."""
    person(O) if role != O else None
    user = person(role)
    client = signed_in(user)
    wrong = []
    for route, methods in ROUTES.items():
        for method, needed in methods.items():
            reply = client.generic(method, address(route), "{}", "application/json")
            if route == "sign-out":
                client.force_login(user)
            too_little = needed in list(Role) and not role.includes(Role(needed))
            if is_refused(reply) != too_little or (needed == ADMIN and reply.status_code != 403):
                wrong.append((method, route, needed, reply.status_code))
    assert wrong == []


def test_every_route_of_the_api_refuses_nobody_in_particular_in_words() -> None:
    """But questions to models: programs of this machine may ask those of an open deployment."""
    Team.create(name="Violins")
    client, wrong = Client(), {}
    for route, methods in ROUTES.items():
        path = "/" + re.sub(r"<team>", "violins", route)
        for method, role in methods.items():
            if role == ANY or not route.startswith(("v1/", "api/v1/")) or route.endswith("completions"):
                continue
            reply = client.generic(method, re.sub(r"<[a-z_]+>", "1", path), "{}", content_type="application/json")
            if reply.status_code != 401 or "error" not in reply.json():
                wrong[f"{method} {path}"] = reply.status_code
    assert wrong == {}


def test_an_administrators_doors_are_open_to_an_administrator_of_any_role() -> None:
    client = signed_in(person(V, is_staff=True))
    for route, method in [(r, m) for r, methods in ROUTES.items() for m, need in methods.items() if need == ADMIN]:
        assert client.generic(method, address(route), "{}", "application/json").status_code != 403, route


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", list(Role))
async def test_streamed_uploads_by_role(role: Role) -> None:
    create = sync_to_async(create_api_key)
    await create(email="first@example.com", team_name="A")
    secret = await create(email="second@example.com", team_name="A", role=role)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for path in STREAMED:
            reply = await client.post(path, headers={"Authorization": f"Bearer {secret}"}, files={"file": b"x"})
            assert (reply.status_code == 403) == (role == V), (path, reply.text)
    await sync_to_async(connections.close_all)()


def test_every_streamed_route_is_tried() -> None:
    assert {pattern.pattern for _, pattern, _ in ASGI_ROUTES} == {
        next(p.pattern for _, p, _ in ASGI_ROUTES if p.fullmatch(path)) for path in STREAMED
    }
