"""/api/v1/evaluations: what is taken, what is refused in which words, and who sees what."""

from typing import Any

import pytest

from compute.models import Run
from evaluations.models import Evaluation
from jobs.models import TunedModel
from tests.evaluations.evaluation_makers import FakeProcess, told
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_file, row

pytestmark = pytest.mark.django_db
URL = "/api/v1/evaluations"
JUDGE = {"type": "score_model", "name": "kind", "model": "gpt", "input": [{"role": "user", "content": "Is it kind?"}]}
CHECK = {
    "type": "string_check", "name": "says four", "input": "{{ sample.output_text }}", "reference": "4",
    "operation": "like",
}  # fmt: skip
ALIKE = {
    "type": "text_similarity", "name": "alike", "input": "{{ sample.output_text }}",
    "reference": "{{ item.reference }}", "evaluation_metric": "fuzzy_match",
}  # fmt: skip


def post(member: Member, **body: Any) -> Any:
    return member.client.post(URL, body, format="json")


@pytest.fixture
def made(alice: Member, tuned: TunedModel) -> dict[str, Any]:
    reply = post(alice, models=[tuned.name], prompts=["Who are you?", {"prompt": "2 + 2?", "reference": "4"}])
    assert reply.status_code == 201, reply.json()
    return dict(reply.json())


class TestCreate:
    def test_answers_id_status_and_progress(self, made: dict[str, Any], tuned: TunedModel) -> None:
        assert made["id"].startswith("eval-")
        assert (made["status"], made["progress"], made["results"], made["pairs"]) == ("queued", 0, {}, [])
        assert [one["name"] for one in made["models"]] == ["tiny", tuned.name]
        assert made["waits"]

    def test_leaves_the_base_out_where_it_is_not_wished(self, alice: Member, tuned: TunedModel) -> None:
        reply = post(alice, models=[tuned.name], prompts=["Hm?"], baseline=False, name="Mine", priority="high")
        assert ([one["name"] for one in reply.json()["models"]], reply.json()["name"]) == ([tuned.name], "Mine")
        assert Run.objects.get(kind="evaluation").priority == 1

    def test_takes_a_file(self, alice: Member, tuned: TunedModel) -> None:
        file = make_file(alice.team, 12)
        reply = post(alice, models=[tuned.name], file=file.pk)
        assert (reply.status_code, reply.json()["file"]) == (201, file.pk)

    @pytest.mark.parametrize(
        ("body", "param", "said"),
        [
            ({"models": [], "prompts": ["a"]}, "models", ""),
            ({"models": ["tiny"]}, "prompts", "either a file or prompts"),
            ({"models": ["tiny"], "prompts": ["a"], "file": "file-x"}, "file", "either a file or prompts"),
            ({"models": ["nobody"], "prompts": ["a"]}, "models", "nobody"),
            ({"models": ["tiny", "tiny"], "prompts": ["a"]}, "models", "twice"),
            ({"models": ["https://example.com/v1"], "prompts": ["a"]}, "models", "endpoints cannot be evaluated yet"),
            ({"models": ["ft:tiny:x:y:ckpt-step-3"], "prompts": ["a"]}, "models", "does not exist"),
            ({"models": ["tiny"], "file": "file-nothing"}, "file", "file-nothing"),
            ({"models": ["tiny"], "prompts": [" "]}, "prompts", ""),
            ({"models": ["tiny"], "prompts": [3]}, "prompts", "prompt"),
            ({"models": ["tiny"], "prompts": ["a"], "judge": "me"}, "judge", "Unknown field"),
            ({"models": ["tiny"], "prompts": ["a"], "graders": [{"type": "python"}]}, "graders[0].type", "sandbox"),
            ({"models": ["tiny"], "prompts": ["a"], "graders": [JUDGE]}, "graders[0].type", "needs a model as judge"),
        ],
    )  # fmt: skip
    def test_refuses_in_a_sentence(self, alice: Member, body: dict[str, Any], param: str, said: str) -> None:
        reply = post(alice, **body)
        error = reply.json()["error"]
        assert reply.status_code in (400, 404), reply.json()
        assert (error["param"] or "").startswith(param), error
        assert said in error["message"]
        assert not Evaluation.objects.exists()

    def test_a_file_that_is_not_checked_yet_is_refused(self, alice: Member) -> None:
        file = make_file(alice.team, 12, is_checked=False)
        assert post(alice, models=["tiny"], file=file.pk).json()["error"]["code"] == "file_not_ready"

    def test_another_teams_model_and_file_do_not_exist(self, charlie: Member, alice: Member, tuned: TunedModel) -> None:
        assert post(charlie, models=[tuned.name], prompts=["a"]).status_code == 404
        file = make_file(alice.team, 12)
        assert post(charlie, models=["tiny"], file=file.pk).status_code == 404

    def test_the_same_key_makes_one(self, alice: Member) -> None:
        body = {"models": ["tiny"], "prompts": ["a"]}
        ids = {alice.client.post(URL, body, format="json", HTTP_IDEMPOTENCY_KEY="once").json()["id"] for _ in range(2)}
        assert len(ids) == 1


class TestRead:
    def test_another_teams_does_not_exist(self, made: dict[str, Any], charlie: Member) -> None:
        for path in ("", "/samples"):
            assert charlie.client.get(f"{URL}/{made['id']}{path}").status_code == 404
        assert charlie.client.get(URL).json()["data"] == []
        assert charlie.client.post(f"{URL}/{made['id']}/cancel").status_code == 404
        assert charlie.client.delete(f"{URL}/{made['id']}").status_code == 404

    def test_lists_newest_first_in_pages(self, alice: Member, made: dict[str, Any]) -> None:
        newer = post(alice, models=["tiny"], prompts=["a"]).json()["id"]
        page = alice.client.get(URL, {"limit": 1}).json()
        assert ([one["id"] for one in page["data"]], page["has_more"]) == ([newer], True)
        rest = alice.client.get(URL, {"after": newer}).json()
        assert [one["id"] for one in rest["data"]] == [made["id"]]
        of_model = alice.client.get(URL, {"model": made["models"][1]["name"]}).json()
        assert [one["id"] for one in of_model["data"]] == [made["id"]]

    def test_samples_are_paged_and_filtered(self, alice: Member, made: dict[str, Any], tuned: TunedModel) -> None:
        process = FakeProcess(Evaluation.objects.get(pk=made["id"])).start()
        process.answer(told({"2 + 2?": "4", "Who are you?": "I am Xiaozhi."})).end("succeeded")
        url = f"{URL}/{made['id']}/samples"
        page = alice.client.get(url, {"limit": 1}).json()
        assert page["has_more"] is True
        [first] = page["data"]
        assert [answer["model"] for answer in first["answers"]] == ["tiny", tuned.name]
        assert first["answers"][1]["answer"] == "I am Xiaozhi."
        rest = alice.client.get(url, {"after": first["number"]}).json()["data"]
        assert [one["reference"] for one in rest] == ["4"]
        for change, questions in {"better": ["2 + 2?"], "changed": ["Who are you?"], "worse": []}.items():
            found = alice.client.get(url, {"change": change}).json()["data"]
            assert [one["messages"][-1]["content"] for one in found] == questions
        refused = alice.client.get(url, {"change": "odd"})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "change")

    def test_shows_results_and_pairs(self, alice: Member, made: dict[str, Any], tuned: TunedModel) -> None:
        FakeProcess(Evaluation.objects.get(pk=made["id"])).start().answer(told({"2 + 2?": "4"})).end("succeeded")
        found = alice.client.get(f"{URL}/{made['id']}").json()
        assert (found["status"], found["progress"]) == ("succeeded", 1)
        assert found["results"][tuned.name]["exact_match"]["value"] == 1
        assert {pair["metric"] for pair in found["pairs"]} >= {"exact_match", "chrf"}


class TestGraders:
    def test_score_each_answer_that_has_what_they_ask_for(self, alice: Member, tuned: TunedModel) -> None:
        body = {"models": [tuned.name], "prompts": ["Hm?", {"prompt": "2 + 2?", "reference": "4"}]}
        made = post(alice, **body, graders=[CHECK, ALIKE]).json()
        FakeProcess(Evaluation.objects.get(pk=made["id"])).start().answer(told({"2 + 2?": "4"})).end("succeeded")
        found = alice.client.get(f"{URL}/{made['id']}").json()
        assert found["results"][tuned.name]["grader.says four"]["value"] == 0.5
        assert found["results"][tuned.name]["grader.alike"]["value"] == 1
        samples = alice.client.get(f"{URL}/{made['id']}/samples").json()["data"]
        assert [set(one["answers"][1]["scores"]["graders"]) for one in samples] == [
            {"says four"}, {"says four", "alike"},
        ]  # fmt: skip
        assert samples[1]["answers"][1]["change"] == "better"


class TestChange:
    def test_a_running_one_is_cancelled_and_not_deleted(self, alice: Member, made: dict[str, Any]) -> None:
        url = f"{URL}/{made['id']}"
        assert alice.client.delete(url).status_code == 409
        assert alice.client.post(f"{url}/cancel").json()["status"] == "queued"  # until its Run has ended
        FakeProcess(Evaluation.objects.get(pk=made["id"])).end("stopped", reason="cancel")
        assert alice.client.get(url).json()["status"] == "cancelled"
        assert alice.client.post(f"{url}/cancel").status_code == 409
        assert alice.client.delete(url).json() == {"id": made["id"], "object": "evaluation", "deleted": True}
        assert not Evaluation.objects.exists()

    def test_a_file_that_is_still_to_be_read_is_kept(self, alice: Member, tuned: TunedModel) -> None:
        file = make_file(alice.team, [row(n) for n in range(12)])
        found = post(alice, models=[tuned.name], file=file.pk).json()
        refused = alice.client.delete(f"/v1/files/{file.pk}")
        assert (refused.status_code, "still needs" in refused.json()["error"]["message"]) == (409, True)
        FakeProcess(Evaluation.objects.get(pk=found["id"]))
        assert alice.client.delete(f"/v1/files/{file.pk}").status_code == 200
