"""The benchmark of verdicts: when a verdict counts as right, and that nothing is computed twice."""

import random
from pathlib import Path

import pytest

from benchmarks import verdicts
from benchmarks.spoiled_jobs import JOBS
from benchmarks.verdicts import Bench, Question, Trained
from scoring.examined import Reply
from scoring.verdict import Finding, Verdict
from tests.journeys.tiny_model import write_tiny_llama
from wording import as_written


def found(light: str, *findings: tuple[str, dict[str, object]]) -> Verdict:
    named = [
        Finding(code=code, light=light, message=as_written("Found."), evidence=evidence)  # type: ignore[arg-type]
        for code, evidence in findings
    ]
    return Verdict(light=light, findings=tuple(named), best_step=None)  # type: ignore[arg-type]


class TestWhatIsRight:
    def test_the_good_recipe_must_be_green(self) -> None:
        assert JOBS["good"].is_right(found("green", ("learned", {})))
        assert not JOBS["good"].is_right(found("amber", ("leaks", {}), ("learned", {})))

    def test_a_spoiled_job_must_get_one_of_its_codes(self) -> None:
        assert JOBS["rate_times_50"].is_right(found("red", ("forgot", {})))
        assert not JOBS["rate_times_50"].is_right(found("red", ("leaks", {})))

    def test_a_language_must_be_the_one_that_lacks(self) -> None:
        assert JOBS["one_language"].is_right(found("red", ("not_learned", {"languages": ["en"]})))
        assert not JOBS["one_language"].is_right(found("red", ("not_learned", {"languages": ["zh", "en"]})))


def test_every_job_is_spoiled_in_its_own_way() -> None:
    rows = {name: job.rows(random.Random(0)) for name, job in JOBS.items()}
    assert len(rows["twelve_rows"]) == 12
    assert {row.source for row in rows["no_guards"]} == {"identity-zh", "identity-en"}
    assert {row.source for row in rows["one_language"]} == {"identity-zh", "guard"}
    assert max(len(row.turns[-1][1]) for row in rows["nearly_empty"]) <= 3
    assert set(JOBS["leaked_validation"].validation(rows["good"])) < set(rows["good"])


class TestNothingTwice:
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        write_tiny_llama(tmp_path / "model")
        return Bench(tmp_path / "model", tmp_path / "bench", threads=1)

    def test_only_questions_without_an_answer_are_asked(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def evaluate(self: Bench, folder: Path, adapter: Path | None, questions: list[Question]) -> list[Reply]:
            asked.extend(one.messages[0]["content"] for one in questions)
            return [Reply(text=f"To {one.messages[0]['content']}") for one in questions]

        monkeypatch.setattr(Bench, "_evaluate", evaluate)
        first, second = (Question(messages=[{"role": "user", "content": text}], part="general") for text in "AB")
        assert bench.ask(None, [first]) == [Reply(text="To A")]
        assert bench.ask(None, [second, first]) == [Reply(text="To B"), Reply(text="To A")]
        assert asked == ["A", "B"]

    def test_a_training_is_made_once_and_anew_for_other_rows_or_values(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        monkeypatch.setattr(verdicts, "run", lambda module, arguments, fails=False: calls.append(module))
        for _ in range(2):
            assert Trained(bench, JOBS["good"], 0).out.name == "out"
        assert calls == ["trainer"]
        folders = {Trained(bench, job, seed).out for job in JOBS.values() for seed in (0, 1)}
        assert len(folders) == 2 * len(JOBS) == len(calls)
