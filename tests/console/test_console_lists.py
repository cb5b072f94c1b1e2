"""The lists of what a team has: searched, narrowed by state, and turned page by page."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Team, User
from catalogue.models import BaseModel
from datasets_app.models import TrainingFile
from deployments.models import Deployment
from evaluations.models import Evaluation
from jobs.models import FineTuningJob

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
SIZES = {
    "/jobs": "jobs.web.views.SHOWN_JOBS",
    "/datasets": "datasets_app.web.views.SHOWN_FILES",
    "/evaluations": "evaluations.web.views.SHOWN",
    "/deployments": "deployments.web.views.SHOWN",
}


@pytest.fixture
def team() -> Team:
    return Team.create(name="Violins")


@pytest.fixture
def page(team: Team) -> Client:
    user = User.objects.create_user("alice@example.com")
    Membership.objects.create(team=team, user=user, role=Membership.Role.MEMBER)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def base() -> BaseModel:
    return BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=1, context_length=1, hidden_size=1, num_layers=1,
        vocab_size=1, licence="none", template="own",
    )  # fmt: skip


@pytest.fixture
def make(team: Team, base: BaseModel) -> Callable[[str, str, Team], Any]:
    """Make what stands in the list at an address, by name."""

    def one(address: str, name: str, of: Team = team) -> Any:
        makers: dict[str, Callable[[], Any]] = {
            "/jobs": lambda: FineTuningJob.objects.create(team=of, base_model=base, name=name, status="failed"),
            "/datasets": lambda: TrainingFile.objects.create(
                team=of, filename=name, purpose="fine-tune", bytes=1, sha256="0" * 64, status="processed"
            ),
            "/evaluations": lambda: Evaluation.objects.create(team=of, name=name),
            "/deployments": lambda: Deployment.objects.create(team=of, base_model=base, name=name),
        }
        return makers[address]()

    return one


def shown(page: Client, address: str, query: str = "") -> tuple[list[str], str]:
    """Return the names in the list, and the page's text."""
    text = page.get(f"{address}{query}").content.decode()
    return re.findall(r"violin-\d", text.partition("<tbody>")[2].partition("</tbody>")[0]), text


@pytest.mark.parametrize("address", SIZES)
class TestLists:
    def test_are_turned_page_by_page(
        self, page: Client, make: Any, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SIZES[address], 2)
        for number in range(5):
            make(address, f"violin-{number}")
        names, text = shown(page, address)
        seen = [names]
        while later := re.search(r'href="(\?after=[^"]+)">Older', text):
            names, text = shown(page, address, later[1])
            seen.append(names)
        assert [sorted(set(one)) for one in seen] == [["violin-3", "violin-4"], ["violin-1", "violin-2"], ["violin-0"]]
        assert re.search(r'href="\?">Newest', text)

    def test_are_searched_and_stay_so_on_further_pages(
        self, page: Client, make: Any, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SIZES[address], 1)
        for name in ("violin-1", "cello", "violin-2"):
            make(address, name)
        names, text = shown(page, address, "?q=violin")
        assert set(names) == {"violin-2"}
        [later] = re.findall(r'href="(\?[^"]+)">Older', text)
        assert "q=violin" in later
        assert set(shown(page, address, later.replace("&amp;", "&"))[0]) == {"violin-1"}

    def test_say_when_nothing_fits(self, page: Client, make: Any, address: str) -> None:
        make(address, "violin-1")
        names, text = shown(page, address, "?q=trombone")
        assert names == []
        assert "Nothing fits what you search for." in text
        assert 'value="trombone"' in text

    def test_do_not_begin_at_anothers_row_and_bear_what_is_no_id(self, page: Client, make: Any, address: str) -> None:
        make(address, "violin-1")
        foreign = make(address, "violin-2", Team.create(name="Others"))
        for after in (foreign.pk, "nothing", "%00", "%ED%A0%80"):
            assert set(shown(page, address, f"?after={after}&q=violin")[0]) == {"violin-1"}
        assert page.get(f"{address}?q=%00").status_code == 200


def test_jobs_are_narrowed_by_their_state(page: Client, make: Any) -> None:
    job = make("/jobs", "violin-1")
    make("/jobs", "violin-2")
    FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded")
    assert set(shown(page, "/jobs", "?status=succeeded")[0]) == {"violin-1"}
    assert set(shown(page, "/jobs", "?status=unheard")[0]) == {"violin-1", "violin-2"}
