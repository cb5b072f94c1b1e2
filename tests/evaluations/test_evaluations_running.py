"""An evaluation from its making to its results: Runs, answers that are kept, and what ends it."""

from pathlib import Path

import pytest

from chat import TokenCache
from compute.models import Run
from evaluating.spec import EvaluationSpec
from evaluations import services
from evaluations.models import Evaluation, Question, Sample
from evaluations.running.reconciling import continue_stranded, repeat_requests
from jobs.models import TunedModel
from tests.evaluations.conftest import publish_checkpoint
from tests.evaluations.evaluation_makers import FakeProcess, told, work
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_file

pytestmark = pytest.mark.django_db


def evaluate(member: Member, tuned: TunedModel, **asked: object) -> Evaluation:
    return services.create_evaluation(team=member.team, by=member.user, models=[tuned.name], **asked)  # type: ignore[arg-type]


@pytest.fixture
def asked(alice: Member, tuned: TunedModel) -> Evaluation:
    """Four questions, one of them with its answer, for a tuned model and its base."""
    prompts = [{"prompt": f"Question {n}"} for n in range(1, 4)]
    return evaluate(alice, tuned, prompts=[*prompts, {"prompt": "Capital?", "reference": "Paris it is."}])


class TestQueueing:
    def test_asks_for_a_run_of_its_own_kind_in_the_teams_name(self, asked: Evaluation, alice: Member) -> None:
        run = asked.run
        assert run is not None
        assert (run.kind, run.state, run.team, run.user) == ("evaluation", "waiting", alice.team, alice.user)
        assert (run.queued_at, run.yields, run.counts_in_quota) == (asked.queued_at, False, True)
        assert run.expected_seconds is not None
        assert work.command(run, run.directory).argv[1:3] == ("-m", "evaluating")

    def test_puts_the_base_beside_its_tuned_model(self, asked: Evaluation, tuned: TunedModel) -> None:
        assert list(asked.subjects.values_list("name", "kind")) == [("tiny", "base"), (tuned.name, "tuned")]


class TestPrepare:
    def test_writes_a_spec_that_the_process_reads(self, asked: Evaluation, tuned: TunedModel, home: Path) -> None:
        process = FakeProcess(asked)
        spec = EvaluationSpec.from_json(process.spec)
        base, model = spec.models
        folder = home / "adapters" / tuned.pk
        assert (base.adapter, base.probe_path, model.adapter) == (None, None, str(folder))
        assert model.probe_path == str(folder / "probe")
        assert base.chat_path == model.chat_path  # what differs is the training alone
        assert [question["messages"][-1]["content"] for question in process.questions][-1] == "Capital?"
        assert asked.num_total == 8

    def test_rows_of_a_file_are_asked_and_measured(self, alice: Member, tuned: TunedModel) -> None:
        file = make_file(alice.team, 30)
        found = evaluate(alice, tuned, file=file.pk)
        process = FakeProcess(found)
        first = Question.objects.filter(evaluation=found).earliest("number")
        assert (first.text, first.reference) == ("Question 0", "Answer 0")
        cache = process.spec["models"][1]["held_out"]
        assert len(TokenCache.open(Path(cache))) == 30
        assert process.spec["models"][0]["held_out"] == cache
        assert found.num_total == 2 * 30 + 2

    def test_a_checkpoint_is_an_adapter_in_its_own_chat_format(
        self, alice: Member, tuned: TunedModel, tmp_path: Path
    ) -> None:
        checkpoint = publish_checkpoint(tuned.job, tmp_path / "step", 4)
        name = f"{tuned.name}:ckpt-step-4"
        found = services.create_evaluation(
            team=alice.team, by=alice.user, models=[name], prompts=[{"prompt": "Hm?"}], baseline=False
        )
        [model] = FakeProcess(found).spec["models"]
        folder = Path(model["adapter"])
        assert (model["name"], folder.name) == (name, f"{tuned.pk}.{checkpoint.pk}")
        assert (folder / "adapter_model.safetensors").exists()
        assert (model["chat_path"], model["probe_path"]) == (str(folder), None)
        assert not (folder / "state-00000.safetensors").exists()

    def test_a_deleted_model_fails_it_in_words(self, asked: Evaluation, tuned: TunedModel) -> None:
        TunedModel.objects.filter(pk=tuned.pk).update(deleted_at=asked.created_at)
        with pytest.raises(Exception, match="was deleted"):
            FakeProcess(asked)


class TestRecording:
    def test_answers_are_stored_once(self, asked: Evaluation) -> None:
        process = FakeProcess(asked).start()
        assert (asked.state, asked.started_at is not None) == ("running", True)
        process.answer(told({}), most=3)
        process._recorded = 0
        process.record()  # the same batch again, as after a crash
        assert (Sample.objects.of(asked).count(), asked.num_done, asked.progress) == (3, 3, 0.375)

    def test_a_text_that_no_database_takes_is_stored_as_it_can_be(self, asked: Evaluation) -> None:
        FakeProcess(asked).start().answer(lambda model, question: "a\0b", most=1)
        assert Sample.objects.of(asked).get().answer == "a\ufffdb"


class TestConclude:
    def test_a_killed_run_is_followed_by_one_that_asks_the_rest(self, asked: Evaluation) -> None:
        first = FakeProcess(asked).start().answer(told({}), most=3)
        after = first.end("lost", code="killed")
        assert (after.state, after.run_id != first.run.pk, after.queued_at) == ("queued", True, asked.queued_at)
        again = FakeProcess(asked)
        assert again.run.queued_at == first.run.queued_at
        assert sum(map(len, again.spec["answered"].values())) == 3
        ended = again.start().answer(told({})).end("succeeded")
        assert (ended.state, Sample.objects.of(ended).count(), ended.progress) == ("succeeded", 8, 1.0)

    def test_three_runs_lost_in_a_row_for_nothing_fail_it(self, asked: Evaluation) -> None:
        for _ in range(2):
            assert FakeProcess(asked).end("lost", code="killed").state == "queued"
        ended = FakeProcess(asked).end("lost", code="killed", said="The process was killed.")
        assert (ended.state, ended.error_code) == ("failed", "killed")
        assert "The process was killed." in str(ended.error_message)

    def test_one_that_gave_way_goes_on(self, asked: Evaluation) -> None:
        ended = FakeProcess(asked).start().answer(told({}), most=1).end("stopped", reason="preempt")
        assert (ended.state, ended.num_done) == ("queued", 1)

    def test_a_failure_is_told(self, asked: Evaluation) -> None:
        ended = FakeProcess(asked).start().end("failed", code="gate_failed", said="It answers otherwise.")
        assert (ended.state, ended.error_code, str(ended.error_message)) == (
            "failed", "gate_failed", "It answers otherwise.",
        )  # fmt: skip

    def test_nothing_of_a_teams_texts_stays_on_the_node(self, asked: Evaluation) -> None:
        process = FakeProcess(asked).start().answer(told({}))
        process.directory.log.write_text("log")
        process.end("succeeded")
        assert sorted(path.name for path in process.directory.root.iterdir()) == ["log.txt", "spec.json"]

    def test_a_run_that_has_a_follower_ends_nothing(self, asked: Evaluation) -> None:
        first = FakeProcess(asked).start()
        first.end("lost")
        work.conclude(first.run, first.directory, "failed")
        asked.refresh_from_db()
        assert asked.state == "queued"


class TestCancel:
    def test_a_waiting_one_ends_with_its_run(self, asked: Evaluation, alice: Member) -> None:
        found = services.cancel_evaluation(evaluation=asked, by=alice.user)
        assert found.run is not None
        assert (found.is_stopping, Run.objects.get(pk=found.run_id).stop_reason) == (True, "cancel")
        work.conclude(found.run, found.run.directory, "stopped")
        found.refresh_from_db()
        assert found.state == "cancelled"

    def test_a_lost_request_is_passed_on(self, asked: Evaluation) -> None:
        Evaluation.objects.update(cancel_requested_at=asked.created_at)
        repeat_requests()
        assert Run.objects.get(pk=asked.run_id).stop_reason == "cancel"


def test_one_whose_run_ended_without_consequences_goes_on(asked: Evaluation) -> None:
    Run.objects.filter(pk=asked.run_id).update(state="ended", outcome="lost")
    continue_stranded()
    asked.refresh_from_db()
    assert (asked.state, asked.run is not None and asked.run.state) == ("queued", "waiting")


class TestResults:
    def test_each_model_has_its_figures_and_stands_beside_its_base(self, alice: Member, tuned: TunedModel) -> None:
        found = evaluate(alice, tuned, file=make_file(alice.team, 12).pk)
        right = {f"Question {n}": f"Answer {n}" for n in range(10)}
        losses = [[2.0 + n / 10, 4, 1] for n in range(12)]
        better = [[loss / 2, labels, right + 1] for loss, labels, right in losses]
        process = FakeProcess(found).start().measure({"tiny": losses, tuned.name: better})
        ended = process.answer(told(right)).end("succeeded")
        before, after = ended.results["tiny"], ended.results[tuned.name]
        assert before["exact_match"]["value"] == 0
        assert after["exact_match"]["value"] == pytest.approx(10 / 12, abs=1e-4)
        assert after["exact_match"]["low"] < after["exact_match"]["value"] < after["exact_match"]["high"]
        assert {"chrf", "bleu", "rouge_l", "loss", "perplexity", "token_accuracy"} <= set(after)
        assert after["loss"]["value"] == pytest.approx(before["loss"]["value"] / 2, abs=1e-5)
        pairs = {pair["metric"]: pair for pair in ended.pairs}
        assert pairs["exact_match"]["difference"]["value"] == pytest.approx(10 / 12, abs=1e-4)
        assert (pairs["loss"]["is_certain"], pairs["loss"]["difference"]["high"] < 0) == (True, True)
        changes = list(Sample.objects.of(ended).filter(subject__name=tuned.name).values_list("change", flat=True))
        assert (changes.count("better"), changes.count("same")) == (10, 2)
        assert set(Sample.objects.of(ended).filter(subject__name="tiny").values_list("change", flat=True)) == {""}

    def test_another_answer_without_a_known_one_has_changed(self, asked: Evaluation, tuned: TunedModel) -> None:
        process = FakeProcess(asked).start()
        ended = process.answer(told({"Question 1": "Else.", "Capital?": "Paris it is."})).end("succeeded")
        own = Sample.objects.of(ended).filter(subject__name=tuned.name).order_by("question__number")
        assert list(own.values_list("change", flat=True)) == ["changed", "same", "same", "better"]

    def test_expected_labels_get_a_report(self, alice: Member, tuned: TunedModel) -> None:
        labels = ["yes", "no"] * 4
        prompts = [{"prompt": f"Q{n}", "reference": label} for n, label in enumerate(labels)]
        found = evaluate(alice, tuned, prompts=prompts)
        said = {f"Q{n}": "yes" for n in range(8)}
        ended = FakeProcess(found).start().answer(told(said)).end("succeeded")
        report = ended.reports[tuned.name]
        assert (report["labels"], report["accuracy"], report["confusion"]) == (
            ["no", "yes"],
            0.5,
            [[0, 4, 0], [0, 4, 0]],
        )

    def test_a_loss_that_is_no_number_gives_no_figure(self, alice: Member, tuned: TunedModel) -> None:
        found = evaluate(alice, tuned, file=make_file(alice.team, 12).pk)
        process = FakeProcess(found).start().measure({"tiny": [[1.0, 2, 1]], tuned.name: [[None, 2, 0]]})
        ended = process.answer(told({})).end("succeeded")
        assert ("loss" in ended.results["tiny"], "loss" in ended.results[tuned.name]) == (True, False)
