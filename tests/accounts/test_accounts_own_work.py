"""Members change and delete what they have made, owners what anybody has; viewers nothing."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from accounts.models import ApiKey, Membership, Team, User
from accounts.services import create_api_key, ensure_first_login
from datasets_app.models import Upload
from datasets_app.services import create_file, create_result_file
from datasets_app.uploads import create_upload
from deployments.models import Deployment
from jobs.models import FineTuningJob
from tests.deployments.deployments_cast import make_adapter, make_base

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
Role = Membership.Role
Call = tuple[str, str]


def person(name: str, role: str) -> User:
    team = Team.objects.filter(name="A").first() or Team.create(name="A")
    user = User.objects.create_user(f"{name}@example.com")
    Membership.objects.create(team=team, user=user, role=role)
    return user


def team() -> Team:
    return Team.objects.get(name="A")


def file(by: User) -> list[Call]:
    made = create_file(
        team=team(), by=by, filename="a.jsonl", purpose="fine-tune", stream=io.BytesIO(b'{"messages": []}')
    )
    return [("POST", f"/datasets/{made.pk}/delete"), ("DELETE", f"/v1/files/{made.pk}")]


def upload(by: User) -> list[Call]:
    made = create_upload(team=team(), by=by, filename="a.jsonl", purpose="fine-tune", num_bytes=10)
    assert made.status == Upload.Status.PENDING
    return [("POST", f"/v1/uploads/{made.pk}/cancel")]


def job(by: User) -> list[Call]:
    made = FineTuningJob.objects.create(team=team(), base_model=make_base(), created_by=by)
    verbs = ("pause", "resume", "finish", "cancel")
    pages = [("POST", f"/jobs/{made.pk}/{verb}") for verb in verbs]
    return [*pages, *(("POST", f"/v1/fine_tuning/jobs/{made.pk}/{verb}") for verb in verbs)]


def deployment(by: User) -> list[Call]:
    base = make_base()
    made = Deployment.objects.create(team=team(), name="mine", model=base.pk, base_model=base, created_by=by)
    api = f"/api/v1/deployments/{made.pk}"
    page = f"/deployments/{made.pk}"
    return [("POST", f"{page}/settings"), ("PATCH", api), ("POST", f"{page}/undeploy"), ("DELETE", api)]


def model(by: User) -> list[Call]:
    made = make_adapter(team(), make_base())
    FineTuningJob.objects.filter(pk=made.job_id).update(created_by=by)
    return [("DELETE", f"/v1/models/{made.name}")]


def key(by: User) -> list[Call]:
    made, _secret = ApiKey.issue(user=by, team=team())
    return [("POST", f"/keys/{made.pk}/revoke")]


@pytest.mark.parametrize("kind", [file, upload, job, deployment, model, key])
@pytest.mark.parametrize(
    ("who", "role", "may"),
    [
        ("maker", Role.MEMBER, True),
        ("other", Role.MEMBER, False),
        ("boss", Role.OWNER, True),
        ("eye", Role.VIEWER, False),
    ],
)
def test_whose_work_it_is(kind: Callable[[User], list[Call]], who: str, role: str, may: bool) -> None:
    maker = person("maker", Role.MEMBER)
    user = maker if who == "maker" else person(who, role)
    client = Client()
    client.force_login(user)
    for method, path in kind(maker):
        reply = client.generic(method, path, "{}", "application/json")
        assert (reply.status_code != 403) == may, (method, path, reply.content)


def test_a_job_s_results_are_its_makers(tmp_path: Any) -> None:
    maker = person("maker", Role.MEMBER)
    path = tmp_path / "metrics.csv"
    path.write_text("step\n")
    made = create_result_file(team=team(), by=maker, filename="metrics.csv", path=path)
    assert made.created_by == maker


class TestRefusals:
    def test_the_api_says_which_role_and_who_gives_it(self) -> None:
        person("boss", Role.OWNER)
        secret = create_api_key(email="eye@example.com", team_name="A", role="viewer")
        headers = {"authorization": f"Bearer {secret}"}
        reply = Client().post("/v1/fine_tuning/jobs", {}, content_type="application/json", headers=headers)
        assert (reply.status_code, reply.json()["error"]) == (
            403,
            {
                "message": "Only members and owners of the team A may do this, and you are a viewer in it. "
                "An owner can change that: boss@example.com.",
                "type": "permission_error",
                "param": None,
                "code": "role_needed",
            },
        )
        assert Client().get("/v1/models", headers=headers).status_code == 200

    def test_a_page_says_it_in_the_readers_language(self) -> None:
        client = Client(headers={"accept-language": "zh-hans"})
        client.force_login(person("eye", Role.VIEWER))
        reply = client.get("/jobs/new")
        assert reply.status_code == 403
        assert "团队 A" in reply.content.decode()
        assert "管理员" in reply.content.decode()

    @pytest.mark.parametrize("path", ["/", "/datasets", "/jobs", "/deployments", "/keys"])
    def test_a_viewer_sees_no_button_that_is_refused(self, path: str) -> None:
        make_base()
        maker = person("maker", Role.MEMBER)
        client = Client()
        client.force_login(maker)
        offered = b'class="btn btn-primary"'
        assert offered in client.get(path).content or path == "/datasets"
        client.force_login(person("eye", Role.VIEWER))
        seen = client.get(path).content.decode().split("<main")[1]
        assert 'method="post"' not in seen
        assert "/jobs/new" not in seen

    def test_a_member_sees_the_delete_button_of_their_own_work_alone(self) -> None:
        page = file(person("maker", Role.MEMBER))[0][1].removesuffix("/delete")
        seen = []
        for user in (User.objects.get(), person("other", Role.MEMBER), person("boss", Role.OWNER)):
            client = Client()
            client.force_login(user)
            seen.append(f'{page}/delete"' in client.get(page).content.decode())
        assert seen == [True, False, True]

    def test_members_see_their_own_keys_and_owners_everybodys(self) -> None:
        for name, role in (("boss", Role.OWNER), ("maker", Role.MEMBER)):
            ApiKey.issue(user=person(name, role), team=team(), name=f"{name}'s script")
        client = Client()
        client.force_login(User.objects.get(email="maker@example.com"))
        assert "boss&#x27;s script" not in client.get("/keys").content.decode()
        client.force_login(User.objects.get(email="boss@example.com"))
        assert "maker&#x27;s script" in client.get("/keys").content.decode()


class TestWhoIsWhat:
    def roles(self) -> dict[str, str]:
        return dict(Membership.objects.values_list("user__email", "role"))

    def test_the_first_of_a_team_owns_it_and_the_next_are_members(self) -> None:
        for email in ("a@example.com", "b@example.com"):
            create_api_key(email=email, team_name="A")
        assert self.roles() == {"a@example.com": "owner", "b@example.com": "member"}

    def test_the_first_login_owns_its_team_even_where_somebody_was_before(self) -> None:
        create_api_key(email="a@example.com")
        ensure_first_login(email="admin@example.com")
        assert self.roles()["admin@example.com"] == "owner"

    def test_a_role_can_be_given_with_the_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        create_api_key(email="a@example.com", team_name="A")
        call_command("create_api_key", email="b@example.com", team="A", role="viewer")
        call_command("create_api_key", email="b@example.com", team="A")
        assert self.roles()["b@example.com"] == "viewer"
        call_command("create_api_key", email="b@example.com", team="A", role="owner")
        assert self.roles()["b@example.com"] == "owner"

    def test_a_team_keeps_an_owner(self) -> None:
        with pytest.raises(CommandError, match="only owner"):
            call_command("create_api_key", email="a@example.com", team="A", role="viewer")
        assert self.roles() == {}

    @pytest.mark.django_db(transaction=True)
    def test_the_migration_leaves_no_team_without_an_owner_and_takes_nobodys_role(self) -> None:
        for name, roles in (("owned", ("member", "owner", "owner")), ("orphan", ("member", "member"))):
            made = Team.create(name=name)
            for number, role in enumerate(roles):
                user = User.objects.create_user(f"{name}{number}@example.com")
                Membership.objects.create(team=made, user=user, role=role)
        executor = MigrationExecutor(connection)
        migration = executor.loader.get_migration("accounts", "0003_roles")
        migration.operations[-1].code(executor.loader.project_state().apps, None)
        roles = self.roles()
        assert [roles[email] for email in sorted(roles)] == ["owner", "member", "member", "owner", "owner"]
