"""Reports of people who lost data or time elsewhere, each as a test that it cannot happen here.

Other reports have their tests beside what they are about: batches and accumulation (huggingface/trl#2175) and resumed
adapters (huggingface/lerobot#3459) in tests/trainer, foreign ids (open-webui/open-webui#4855) in test_datasets_api and
tests/journeys, sentences in Chinese (Kozmosa/open-science#86) in tests/common.
"""

import io
import json
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client

from chat import ChatFormat, TokenCache, parse_row
from common.errors import UserError
from datasets_app import services
from datasets_app.models import Fault, TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import body_of, lines_of, row, rows

pytestmark = pytest.mark.django_db

CASES = Path(__file__).parents[1] / "cases"
CELLS = ["007", "NA", "null", "1e5", "TRUE", "3.10", "2024-01-02", "0x1F", "1,000", "None", "NaN"]


def stored(member: Member, content: bytes, name: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, content, name, by=member.user)


def answers_of(file: TrainingFile) -> list[str]:
    return [str(conversation.messages[-1].content) for _, conversation in services.read_conversations(file)]


class TestCellsAreText:
    """langgenius/dify#41910, teableio/teable#1828: codes lost their zeros, and the word NA vanished."""

    def table(self, *extra: str) -> bytes:
        lines = [f'Code {number}?,"{cell}"' for number, cell in enumerate(CELLS)]
        return "\r\n".join(["prompt,completion", *lines, *extra]).encode()

    def test_every_cell_stays_what_it_is_down_to_the_tokens(self, alice: Member, chat: ChatFormat) -> None:
        file = stored(alice, self.table(), "codes.csv")
        assert answers_of(file) == CELLS
        made = services.ensure_tokens(
            file=file, validation_file=None, chat=chat, max_seq_len=500, data_split="1,0,0", validation_share=0.0,
            seed=0,
        )  # fmt: skip
        cache = TokenCache.open(made.train)
        learned = [chat.decode(ids[trained].tolist()) for ids, trained in map(cache.row, range(len(cache)))]
        assert [text.strip() for text in learned] == CELLS

    def test_an_empty_cell_is_one_row_that_is_flagged(self, alice: Member) -> None:
        file = stored(alice, self.table("Empty?,"), "codes.csv")
        assert (file.num_faults, Fault.objects.get(file=file).line) == (1, len(CELLS) + 2)

    def test_what_is_downloaded_is_what_was_uploaded(self, alice: Member, client: Client) -> None:
        content = (CASES / "24_swift_alpaca_numeric_cell.csv").read_bytes()
        file = stored(alice, content, "24.csv")
        reply = client.get(f"/v1/files/{file.pk}/content", headers=alice.headers)
        assert async_to_sync(body_of)(reply) == content
        assert not {"nan", "11111.0", "0", "NaN"} & set(answers_of(file))


class TestToolCallsKeepTheirOwnArguments:
    """axolotl-ai-cloud/axolotl#2909, huggingface/trl#5307: arguments of other tools were added as nulls."""

    TOOLS = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
        for name in ("move", "say")
    ]

    def talk(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        messages = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
        return {"messages": messages, "tools": self.TOOLS}

    def test_through_reading_splitting_and_mixing(self, alice: Member) -> None:
        values = [self.talk("move", {"y": n, "x": -n}) for n in range(20)]
        values += [self.talk("say", {"text": f"hi {n}"}) for n in range(20)]
        file = stored(alice, lines_of(*values))
        parts = services.split_file(file=file, shares={"train": 0.5, "test": 0.5}, seed=0, by=None)
        mixed = services.mix_files(parts=[(file, 1)], filename="m.jsonl", seed=0, by=None)
        for made in (*parts.values(), mixed):
            with services.open_file(made) as stream:
                content = stream.read()
            assert b"null" not in content.replace(b'"content": null', b"")
            for line in content.splitlines():
                call = json.loads(line)["messages"][1]["tool_calls"][0]["function"]
                keys = list(json.loads(call["arguments"]))
                assert keys == (["y", "x"] if call["name"] == "move" else ["text"])


class TestWeights:
    """modelscope/ms-swift#4596, hiyouga/LlamaFactory#4777: nobody could tell which turns were trained."""

    def talk(self, *weights: Any) -> dict[str, Any]:
        turns = []
        for number, weight in enumerate(weights):
            turns += row(f"Round {number}?", "BLUE-HERON-7" if number else "WRONG-WRONG")["messages"]
            if weight is not None:
                turns[-1]["weight"] = weight
        return {"messages": turns}

    def test_only_the_chosen_turns_are_learned(self, alice: Member, chat: ChatFormat) -> None:
        rendered = chat.render(parse_row(self.talk(0, 1)))
        learned = [token for token, is_trained in zip(rendered.ids, rendered.trained, strict=True) if is_trained]
        assert chat.decode(learned).strip() == "BLUE-HERON-7"

    @pytest.mark.parametrize("weight", [2, "half", 0.5, -1])
    def test_a_weight_that_is_none_is_refused_by_line(self, alice: Member, weight: Any) -> None:
        file = stored(alice, lines_of(self.talk(0, 1), self.talk(0, weight)))
        fault = Fault.objects.get(file=file)
        assert (fault.line, fault.field) == (2, "messages[3].weight")

    def test_a_weight_on_a_users_turn_is_refused_by_line(self, alice: Member) -> None:
        wrong = self.talk(0, 1)
        wrong["messages"][0]["weight"] = 1
        fault = Fault.objects.get(file=stored(alice, lines_of(wrong)))
        assert (fault.line, fault.field) == (1, "messages[0].weight")


class TestNames:
    """langgenius/dify#13573, open-webui/open-webui#1388: a Chinese name came back garbled."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("心理大模型-职场焦虑语料.jsonl", "心理大模型-职场焦虑语料.jsonl"),
            ("a (1).jsonl", "a (1).jsonl"),
            ('quo"te;semi.jsonl', 'quo"te;semi.jsonl'),
            ("emoji 🎻.jsonl", "emoji 🎻.jsonl"),
            ("../../etc/x.jsonl", "x.jsonl"),
            ("C:\\data\\x.jsonl", "x.jsonl"),
            ("..%2f..%252e.jsonl", "..%2f..%252e.jsonl"),
            (".jsonl", ".jsonl"),
            (unicodedata.normalize("NFD", "é.jsonl"), unicodedata.normalize("NFD", "é.jsonl")),
            ("line\nbreak\u202e.jsonl", None),
            ("名" * 300 + ".jsonl", None),
        ],
    )
    def test_is_the_same_everywhere_and_never_a_path(
        self, alice: Member, client: Client, home: Path, given: str, kept: str | None
    ) -> None:
        file = stored(alice, lines_of(*rows(3)), given)
        reply = client.get(f"/v1/files/{file.pk}", headers=alice.headers).json()
        name = reply["filename"]
        assert name == kept or kept is None
        assert name.isprintable()
        assert "/" not in name
        assert len(name) <= 200
        header = client.head(f"/v1/files/{file.pk}/content", headers=alice.headers)["Content-Disposition"]
        assert "\n" not in header
        told = unquote(header.partition("filename*=utf-8''")[2]) or header.partition('filename="')[2].rstrip('"')
        assert told.replace("\\", "") == name
        for path in stored_files(home):
            assert given not in path.name

    def test_two_files_of_one_name_live_side_by_side(self, alice: Member) -> None:
        first, second = (stored(alice, lines_of(*rows(n)), "数据.jsonl") for n in (3, 4))
        assert (first.num_rows, second.num_rows) == (3, 4)


class TestLimits:
    """HumanSignal/label-studio#5904: over the limit there was a sentence of the framework, or none."""

    def test_the_limit_is_stated_beforehand_and_in_the_refusal(
        self, alice: Member, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "MAX_UPLOAD_BYTES", 2048)
        with pytest.raises(UserError) as error:
            services.create_file(
                team=alice.team, by=None, filename="a.jsonl", purpose="fine-tune", stream=io.BytesIO(b"x" * 4096)
            )
        assert (error.value.status, error.value.code) == (413, "file_too_large")
        assert "2 KB" in str(error.value.message)
        assert not stored_files(home)

    @pytest.mark.usefixtures("plain_static")
    def test_the_page_says_it_too(self, alice: Member, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "MAX_UPLOAD_BYTES", 5 * 10**9)
        client.force_login(alice.user)
        assert "up to 5.0 GB" in client.get("/datasets").content.decode()
