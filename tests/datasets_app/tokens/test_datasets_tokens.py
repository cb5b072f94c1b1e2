"""Token caches: what goes in, what is held out, what is cut."""

import io
from pathlib import Path
from typing import Any

import pytest

from chat import ChatFormat, TokenCache
from common.errors import UserError
from datasets_app import services
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from datasets_app.storage import node_files
from datasets_app.tokens import caches as token_module
from datasets_app.tokens.caches import resolve_share
from datasets_app.tokens.row_view import token_texts
from tests.datasets_app.conftest import Member, write_chat_files
from tests.datasets_app.dataset_makers import lines_of, row, rows

pytestmark = pytest.mark.django_db


def processed(member: Member, *values: Any) -> TrainingFile:
    file = services.create_file(
        team=member.team, by=member.user, filename="a.jsonl", purpose="fine-tune", stream=io.BytesIO(lines_of(*values))
    )
    recording.check_file(file.pk)
    file.refresh_from_db()
    return file


def tokens(file: TrainingFile, chat: ChatFormat, **changed: Any) -> services.Tokens:
    asked: dict[str, Any] = {
        "validation_file": None,
        "max_seq_len": 512,
        "data_split": "1,0,0",
        "validation_share": 0.0,
        "seed": 1,
    }
    return services.ensure_tokens(file=file, chat=chat, **{**asked, **changed})


def texts(folder: Path, chat: ChatFormat) -> list[str]:
    cache = TokenCache.open(folder)
    return [chat.decode(cache.row(index)[0].tolist()) for index in range(len(cache))]


class TestEnsureTokens:
    def test_every_row_is_rendered_and_masked(self, alice: Member, chat: ChatFormat) -> None:
        made = tokens(processed(alice, *rows(20)), chat)
        cache = TokenCache.open(made.train)
        assert len(cache) == 20
        ids, trained = cache.row(3)
        assert chat.decode(ids[trained].tolist()).strip() == "Answer 3."
        assert made.validation is None
        assert made.meta["train"]["rows"] == 20
        assert made.meta["train"]["trained_tokens"] == cache.meta["trained_tokens"]

    def test_equal_trainings_share_a_cache_and_others_do_not(
        self, alice: Member, charlie: Member, chat: ChatFormat
    ) -> None:
        first = tokens(processed(alice, *rows(5)), chat)
        assert tokens(processed(charlie, *rows(5)), chat).train == first.train
        keys = {
            tokens(processed(alice, *rows(5)), chat, **changed).key
            for changed in ({"seed": 2}, {"max_seq_len": 64}, {"data_split": "9,1,0"}, {"validation_share": 0.5}, {})
        }
        assert len(keys) == 5
        assert [path.name for path in first.train.parent.parent.iterdir() if path.name.startswith(".")] == []

    def test_the_same_bytes_read_in_two_ways_are_two_caches(self, alice: Member, chat: ChatFormat) -> None:
        content = io.BytesIO(b"one,two\n" + b"".join(b"left %d,right %d\n" % (n, n) for n in range(12)))
        file = services.create_file(
            team=alice.team, by=alice.user, filename="a.csv", purpose="fine-tune", stream=content
        )
        learned = []
        for prompt, answer in (("one", "two"), ("two", "one")):
            reading = {"columns": {"prompt": prompt, "answer": answer}}
            version = services.read_again(file=file, reading=reading, by=alice.user)
            recording.check_file(version.pk)
            version.refresh_from_db()
            cache = TokenCache.open(tokens(version, chat).train)
            ids, trained = cache.row(0)
            learned.append(chat.decode(ids[trained].tolist()).split()[0])
        assert learned == ["right", "left"]

    def test_a_share_is_held_out_by_content(self, alice: Member, chat: ChatFormat) -> None:
        made = tokens(processed(alice, *rows(60), *rows(60)), chat, validation_share=0.2)
        assert made.validation is not None
        held_out, kept = texts(made.validation, chat), texts(made.train, chat)
        assert 8 <= len(held_out) <= 44
        assert len(held_out) + len(kept) == 120
        assert not set(held_out) & set(kept)

    def test_appending_rows_moves_none(self, alice: Member, chat: ChatFormat) -> None:
        short = tokens(processed(alice, *rows(40)), chat, validation_share=0.3)
        long = tokens(processed(alice, *rows(60)), chat, validation_share=0.3)
        assert short.validation
        assert long.validation
        assert set(texts(short.validation, chat)) <= set(texts(long.validation, chat))

    @pytest.mark.parametrize(("num_rows", "share"), [(10, 0), (99, 0), (100, 0.1), (5000, 0.1), (50_000, 0.01)])
    def test_auto_spares_small_sets_and_stops_at_500_rows(self, num_rows: int, share: float) -> None:
        assert resolve_share("auto", num_rows) == pytest.approx(share)
        assert resolve_share(0.5, num_rows) == 0.5

    def test_a_validation_that_got_no_row_is_none(self, alice: Member, chat: ChatFormat) -> None:
        assert tokens(processed(alice, *rows(3)), chat, validation_share=1e-9).validation is None

    def test_a_validation_file_takes_the_place_of_a_share(self, alice: Member, chat: ChatFormat) -> None:
        other = processed(alice, row("Held out?", "Yes."))
        made = tokens(processed(alice, *rows(50)), chat, validation_file=other, validation_share=0.5)
        assert made.validation
        assert made.meta["train"]["rows"] == 50
        assert "Yes." in texts(made.validation, chat)[0]

    def test_only_the_first_phase_is_taken(self, alice: Member, chat: ChatFormat) -> None:
        made = tokens(processed(alice, *rows(100)), chat, data_split="2,4,4")
        assert made.meta["train"]["rows"] + made.meta["rows_outside_split"] == 100
        assert 5 <= made.meta["train"]["rows"] <= 40

    def test_long_rows_are_cut_and_rows_without_answer_left_out(self, alice: Member, chat: ChatFormat) -> None:
        file = processed(alice, row(), row("long " * 200), row(answer="long " * 200))
        made = tokens(file, chat, max_seq_len=120)
        assert made.meta["train"]["rows"] == 2
        assert made.meta["train"]["max_len"] == 120
        assert (made.meta["rows_without_answer"], made.meta["lines_without_answer"]) == (1, [2])
        assert (made.meta["rows_truncated"], made.meta["lines_truncated"]) == (1, [3])

    def test_nothing_to_learn_is_refused_and_not_kept(self, alice: Member, chat: ChatFormat, home: Path) -> None:
        file = processed(alice, *[row("long " * 200)] * 3)
        with pytest.raises(UserError, match="lines 1, 2, 3") as refused:
            tokens(file, chat, max_seq_len=50)
        assert refused.value.code == "no_trained_tokens"
        assert not list((home / "tokens").iterdir())

    def test_a_row_that_the_template_cannot_write_is_named(self, alice: Member, tmp_path: Path) -> None:
        chat = _without_tools(tmp_path)
        tools = [{"type": "function", "function": {"name": "find"}}]
        file = processed(alice, *rows(200), {**row(), "tools": tools})
        with pytest.raises(UserError, match=r"Line 201 of a\.jsonl") as refused:
            tokens(file, chat)
        assert refused.value.code == "tools_unsupported"

    def test_a_file_with_an_error_or_without_a_verdict_is_refused(self, alice: Member, chat: ChatFormat) -> None:
        file = processed(alice, "nonsense")
        with pytest.raises(UserError, match="Line 1"):
            tokens(file, chat)
        TrainingFile.objects.update(status="uploaded")
        file.refresh_from_db()
        with pytest.raises(UserError, match="still being checked"):
            tokens(file, chat)

    def test_a_bad_split_is_refused(self, alice: Member, chat: ChatFormat) -> None:
        with pytest.raises(UserError, match="data_split"):
            tokens(processed(alice, row()), chat, data_split="0,1,1")


def _without_tools(folder: Path) -> ChatFormat:
    source = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return ChatFormat.load(write_chat_files(folder), template=source)


class TestTokenTexts:
    @pytest.mark.parametrize("text", ["plain", "你好，世界 👋🏽", "<|im_start|>user\nhi<|im_end|>", " a  b "])
    def test_together_they_are_the_text(self, chat: ChatFormat, text: str) -> None:
        ids = chat.encode(text)
        found = token_texts(chat, ids)
        assert len(found) == len(ids)
        assert "".join(found) == text


class TestOneAtATime:
    @pytest.fixture
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take every file for a large one, without processes."""
        monkeypatch.setattr("datasets_app.tokens.caches.PARALLEL_BYTES", 0)
        monkeypatch.setattr("datasets_app.tokens.caches.num_workers", lambda: 1)

    def test_a_large_file_that_somebody_tokenises_is_not_tokenised_beside(
        self, alice: Member, chat: ChatFormat, large: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = processed(alice, *rows(5))
        build, busy = token_module._build, []

        def slow(*asked: Any) -> None:
            with pytest.raises(services.TokensBusy):
                tokens(file, chat)
            busy.append(True)
            build(*asked)

        monkeypatch.setattr(token_module, "_build", slow)
        assert tokens(file, chat).meta["train"]["rows"] == 5
        assert tokens(file, chat).meta["train"]["rows"] == 5
        assert busy == [True], "made once"

    def test_few_large_files_at_once(self, alice: Member, chat: ChatFormat, large: None) -> None:
        file = processed(alice, *rows(5))
        with (
            node_files.building("one", is_large=True),
            node_files.building("two", is_large=True),
            pytest.raises(services.TokensBusy),
        ):
            tokens(file, chat)
        assert tokens(file, chat).meta["train"]["rows"] == 5

    def test_a_small_file_passes_large_ones(self, alice: Member, chat: ChatFormat) -> None:
        file = processed(alice, *rows(5))
        with node_files.building("one", is_large=True), node_files.building("two", is_large=True):
            assert tokens(file, chat).meta["train"]["rows"] == 5
