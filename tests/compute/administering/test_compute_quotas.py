"""Quotas by API and command: what is guaranteed, how far a team may borrow, hours, and the most for one person."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from common.errors import UserError
from compute import services
from compute.administering.quotas import effect_of, set_quota
from compute.models import Node, Pool, Quota, Run
from compute.scheduling.rounds import schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(team: Team) -> APIClient:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(user=user, team=team)
    _, secret = ApiKey.issue(user=user, team=team, scopes=["admin"])
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")


def shares_of(team: Team) -> tuple[Any, ...]:
    quota = Quota.objects.get(team=team, pool=Pool.default())
    return quota.guaranteed, quota.ceiling, quota.accelerator_hours, quota.per_user


class TestApi:
    def test_what_is_not_sent_stays(self, admin: APIClient, team: Team) -> None:
        url = f"/api/v1/quotas/{team.slug}"
        body = {"guaranteed": 1, "ceiling": 3, "accelerator_hours": 100, "per_user": 2, "storage_bytes": 10**12}
        found = admin.put(url, body, format="json").json()
        assert {name: found[name] for name in body} == body
        assert admin.put(url, {"ceiling": None}, format="json").json()["accelerators"] is None
        assert shares_of(team) == (1, None, 100, 2)
        assert Team.objects.get(pk=team.pk).storage_bytes == 10**12
        event = AuditEvent.objects.filter(action="quota.set").order_by("-pk")[0]
        assert (event.before, event.after) == ({"ceiling": 3}, {"ceiling": None})

    def test_accelerators_is_a_ceiling_alone(self, admin: APIClient, team: Team) -> None:
        set_quota(team=team, guaranteed=1, accelerator_hours=7, by=None)
        admin.put(f"/api/v1/quotas/{team.slug}", {"accelerators": 2}, format="json")
        assert shares_of(team) == (0, 2, 7, None)

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"guaranteed": None}, {"guaranteed": 3, "ceiling": 2}, {"accelerators": 1, "ceiling": 2},
            {"per_user": -1}, {"in_use": 1}, {"storage_bytes": 2**70}, {"accelerator_hours": "many"},
        ],
    )  # fmt: skip
    def test_what_is_no_quota_is_refused(self, admin: APIClient, team: Team, body: dict[str, Any]) -> None:
        assert admin.put(f"/api/v1/quotas/{team.slug}", body, format="json").status_code == 400
        assert not Quota.objects.exists()

    def test_a_preview_says_what_it_would_do_and_changes_nothing(
        self, admin: APIClient, team: Team, node: Node
    ) -> None:
        set_quota(team=team, ceiling=0, by=None)
        services.request_run(kind="script", team=team, accelerators=1)
        schedule()
        url = f"/api/v1/quotas/{team.slug}"
        said = admin.put(url, {"guaranteed": 1, "ceiling": 2, "preview": True}, format="json").json()
        assert (said["starts"], said["preempted"], said["paused"]) == (1, 0, 0)
        assert (said["message"], said["code"]) == ("1 waiting run can start.", "waiting_runs_can_start")
        assert (said["guaranteed"], said["ceiling"], said["in_use"]) == (1, 2, 0)
        assert shares_of(team) == (0, 0, None, None)
        assert AuditEvent.objects.filter(action="quota.set").count() == 1

    @pytest.mark.parametrize("body", [{}, {"guaranteed": 3}, {"guaranteed": 2, "ceiling": 1}])
    def test_a_preview_refuses_what_saving_refuses(
        self, admin: APIClient, team: Team, node: Node, body: dict[str, Any]
    ) -> None:
        url = f"/api/v1/quotas/{team.slug}"
        previewed, saved = (admin.put(url, {**body, "preview": one}, format="json") for one in (True, False))
        assert (previewed.status_code, previewed.json()) == (400, saved.json())
        assert not Quota.objects.exists()

    def test_tells_use_and_what_is_borrowed(self, admin: APIClient, team: Team, node: Node) -> None:
        set_quota(team=team, guaranteed=1, by=None)
        for _ in range(3):
            services.request_run(kind="script", team=team, accelerators=1)
        schedule()
        found = admin.get(f"/api/v1/quotas/{team.slug}").json()
        assert (found["in_use"], found["borrowed"], found["waiting"]) == (2, 1, 1)


class TestGuarantees:
    def test_of_all_teams_fit_the_pool(self, team: Team, node: Node) -> None:
        other = Team.create(name="Cellos")
        set_quota(team=other, guaranteed=1, by=None)
        with pytest.raises(UserError, match="would be guaranteed 3 accelerators, and the pool has 2"):
            set_quota(team=team, guaranteed=2, by=None)
        set_quota(team=team, guaranteed=1, by=None)
        Pool.objects.update(overcommit=True)
        set_quota(team=team, guaranteed=2, by=None)
        Pool.objects.update(overcommit=False)
        set_quota(team=team, per_user=1, by=None)
        assert shares_of(team) == (2, None, None, 1)

    def test_of_a_pool_whose_nodes_have_not_come_are_believed(self, team: Team) -> None:
        set_quota(team=team, guaranteed=8, by=None)
        assert shares_of(team)[0] == 8


class TestLongestRun:
    def test_is_set_by_api_and_its_effect_is_known_before(self, admin: APIClient, team: Team, node: Node) -> None:
        run = services.request_run(kind="script", team=team, accelerators=1)
        schedule()
        Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(hours=1))
        effect = effect_of(team=team, changes={"longest_run_seconds": 60})
        assert (effect.starts, effect.preempted, effect.ended) == (0, 0, 1)
        assert effect_of(team=team, changes={"longest_run_seconds": 7200}).ended == 0
        url = f"/api/v1/quotas/{team.slug}"
        assert admin.put(url, {"longest_run_seconds": 60}, format="json").json()["longest_run_seconds"] == 60
        schedule()
        run.refresh_from_db()
        assert run.stop_reason == "limit"
        assert admin.put(url, {"longest_run_seconds": 2**31}, format="json").status_code == 400

    def test_storage_alone_says_nothing_about_a_pool(self, admin: APIClient, team: Team) -> None:
        url = f"/api/v1/quotas/{team.slug}"
        assert admin.put(url, {"storage_bytes": 10**9}, format="json").json()["storage_bytes"] == 10**9
        assert not Quota.objects.exists()


class TestCommand:
    def test_sets_what_is_named(self, team: Team) -> None:
        call_command("set_quota", "--team", team.name, "--guaranteed", "1", "--ceiling", "2")
        call_command("set_quota", "--team", team.name, "--hours", "1000", "--per-user", "1")
        assert shares_of(team) == (1, 2, 1000, 1)
        call_command("set_quota", "--team", team.name, "--storage-bytes", str(10**13), "--longest-run-seconds", "7200")
        assert Team.objects.get(pk=team.pk).storage_bytes == 10**13
        assert Quota.objects.get(team=team).longest_run_seconds == 7200
        call_command("set_quota", "--team", team.name, "--ceiling", "none", "--hours", "none")
        assert shares_of(team) == (1, None, None, 1)

    def test_a_preview_changes_nothing(self, team: Team, capsys: pytest.CaptureFixture[str]) -> None:
        Pool.default()
        call_command("set_quota", "--team", team.name, "--ceiling", "2", "--preview")
        assert capsys.readouterr().out == "Nothing that waits or runs now would change.\n"
        assert not Quota.objects.exists()

    def test_of_a_pool(self, team: Team) -> None:
        Pool.default()
        pool = Pool.objects.create(name="a100")
        call_command("set_quota", "--team", team.name, "--pool", "a100", "--ceiling", "4")
        assert Quota.objects.get().pool == pool
        with pytest.raises(CommandError, match=r"no pool 'h100'\. Pools: a100, default"):
            call_command("set_quota", "--team", team.name, "--pool", "h100", "--ceiling", "4")

    @pytest.mark.parametrize(
        "options",
        [[], ["--guaranteed", "none"], ["--ceiling", "x"], ["--accelerators", "1", "--ceiling", "2"],
         ["--guaranteed", "2", "--ceiling", "1"]],
    )  # fmt: skip
    def test_refuses_what_is_no_quota(self, team: Team, options: list[str]) -> None:
        Pool.default()
        with pytest.raises(CommandError):
            call_command("set_quota", "--team", team.name, *options)
        assert not Quota.objects.exists()
