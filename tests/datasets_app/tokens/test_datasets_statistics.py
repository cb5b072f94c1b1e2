"""Lengths in tokens: what a base model reads, and what max_seq_len would cut."""

from typing import Any

import pytest
from django.test import Client

from catalogue.models import BaseModel
from chat import ChatFormat, SystemChoice
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.storage.node_files import rows_folder
from datasets_app.tokens import row_view, statistics
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, row, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def base(db: None, chat: ChatFormat, monkeypatch: pytest.MonkeyPatch) -> BaseModel:
    for module in (statistics, row_view):
        monkeypatch.setattr(module, "chat_format", lambda base, system: chat)
    sizes = dict.fromkeys(("parameters", "hidden_size", "num_layers", "vocab_size"), 64)
    return BaseModel.objects.create(id="tiny", display_name="Tiny", context_length=4096, **sizes)


def stored(member: Member, *values: Any) -> TrainingFile:
    return dataset_makers.stored(member.team, lines_of(*values), by=member.user)


class TestTokenStatistics:
    def test_counts_what_the_template_writes(self, alice: Member, base: BaseModel, chat: ChatFormat) -> None:
        file = stored(alice, *rows(9), row("long " * 50, "answer"))
        found = services.token_statistics(file=file, base=base)
        rendered = [chat.render(c) for _, c in services.read_conversations(file)]
        lengths = [len(r.ids) for r in rendered]
        assert (found["rows"], found["rows_looked_at"], found["tokens"]) == (10, 10, sum(lengths))
        assert found["trained_tokens_per_epoch"] == sum(r.num_trained for r in rendered)
        assert (found["max"], found["longest_line"]) == (max(lengths), 10)
        assert sum(bar["rows"] for bar in found["histogram"]) == 10
        assert (found["rows_cut"], found["rows_without_answer"], found["max_seq_len"]) == (0, 0, 4096)

    def test_says_what_a_cut_would_lose(self, alice: Member, base: BaseModel, chat: ChatFormat) -> None:
        file = stored(alice, *rows(9), row("long " * 50, "answer"))
        short = max(len(chat.render(c).ids) for _, c in list(services.read_conversations(file))[:9])
        found = services.token_statistics(file=file, base=base, max_seq_len=short)
        assert (found["rows_cut"], found["share_cut"], found["rows_without_answer"]) == (1, 0.1, 1)
        rendered = [chat.render(c).truncate(short) for _, c in services.read_conversations(file)]
        assert found["trained_tokens_per_epoch"] == sum(r.num_trained for r in rendered)

    def test_an_answer_cut_in_its_middle_counts_as_far_as_it_goes(
        self, alice: Member, base: BaseModel, chat: ChatFormat
    ) -> None:
        file = stored(alice, *rows(9), row("hi", "an answer of many words " * 20))
        rendered = [chat.render(c) for _, c in services.read_conversations(file)]
        for most in (8, 20, 60):
            found = services.token_statistics(file=file, base=base, max_seq_len=most)
            assert found["trained_tokens_per_epoch"] == sum(r.truncate(most).num_trained for r in rendered)

    def test_takes_the_system_prompt_that_a_job_takes_and_says_which(
        self, alice: Member, base: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[SystemChoice] = []
        chat = statistics.chat_format(base, SystemChoice("none"))
        for module in (statistics, row_view):
            monkeypatch.setattr(module, "chat_format", lambda base, system: asked.append(system) or chat)
        brief = {"role": "system", "content": "Be brief."}
        plain = stored(alice, *rows(9))
        own = stored(alice, *({"messages": [brief, *one["messages"]]} for one in rows(9)))
        for file, word in ((plain, "none"), (own, "default")):
            path = f"/api/v1/files/{file.pk}"
            for view in ("statistics", "rows/0/tokens"):
                found = Client().get(f"{path}/{view}?model=tiny", headers=alice.headers).json()
                assert (found["system_prompt"], asked[-1].word) == (word, word)
            chosen = Client().get(f"{path}/rows/0/tokens?model=tiny&system_prompt=Be+kind.", headers=alice.headers)
            assert (chosen.json()["system_prompt"], asked[-1].text) == ("Be kind.", "Be kind.")

    def test_a_large_set_is_sampled_evenly_and_says_so(
        self, alice: Member, base: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(statistics, "MOST_ROWS", 20)
        file = stored(alice, *rows(200))
        found = services.token_statistics(file=file, base=base)
        assert (found["rows"], found["rows_looked_at"]) == (200, 20)
        assert abs(sum(bar["rows"] for bar in found["histogram"]) - 200) <= 10

    def test_the_second_look_measures_nothing(
        self, alice: Member, base: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = stored(alice, *rows(20))
        first = services.token_statistics(file=file, base=base)
        monkeypatch.setattr(statistics, "_measured", lambda file, chat: pytest.fail("measured again"))
        assert services.token_statistics(file=file, base=base) == first

    def test_a_broken_memory_is_measured_anew(self, alice: Member, base: BaseModel) -> None:
        file = stored(alice, *rows(20))
        first = services.token_statistics(file=file, base=base)
        (kept,) = rows_folder(file.pk).glob("lengths-*.npz")
        kept.write_bytes(b"PK broken")
        assert services.token_statistics(file=file, base=base) == first

    def test_by_api(self, alice: Member, base: BaseModel) -> None:
        file = stored(alice, *rows(5))
        path = f"/api/v1/files/{file.pk}/statistics"
        assert Client().get(f"{path}?model=tiny&max_seq_len=8", headers=alice.headers).json()["rows_cut"] == 5
        assert Client().get(f"{path}?model=none", headers=alice.headers).status_code == 404
        assert Client().get(f"{path}?model=tiny&max_seq_len=1", headers=alice.headers).status_code == 400
