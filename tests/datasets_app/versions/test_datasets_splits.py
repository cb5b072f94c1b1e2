"""Splits and mixtures: decided by each row's own content, so that appends and repetitions move nothing."""

import json
from typing import Any

import pytest
from django.test import Client

from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, rows

pytestmark = pytest.mark.django_db
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def stored(member: Member, values: list[dict[str, Any]], filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, lines_of(*values), filename, by=member.user)


def questions(file: TrainingFile) -> list[str]:
    return [json.loads(line)["messages"][0]["content"] for line in services.open_file(file)]


class TestSplit:
    def test_gives_each_part_its_share_and_every_row_once(self, alice: Member) -> None:
        file = stored(alice, rows(1000))
        made = services.split_file(file=file, shares=SHARES, seed=0, by=alice.user)
        sizes = {name: len(questions(part)) for name, part in made.items()}
        assert sum(sizes.values()) == 1000
        assert 760 < sizes["train"] < 840
        assert 60 < sizes["validation"] < 140
        every = [question for part in made.values() for question in questions(part)]
        assert sorted(every) == sorted(questions(file))
        assert made["test"].filename == "chats-test.jsonl"
        assert made["test"].made["of"] == file.pk

    def test_appended_rows_move_no_other(self, alice: Member) -> None:
        before = services.split_file(file=stored(alice, rows(200)), shares=SHARES, seed=3, by=alice.user)
        after = services.split_file(file=stored(alice, rows(400)), shares=SHARES, seed=3, by=alice.user)
        for name, part in before.items():
            assert set(questions(part)) <= set(questions(after[name]))

    def test_equal_rows_stay_together(self, alice: Member) -> None:
        made = services.split_file(file=stored(alice, rows(100) * 2), shares=SHARES, seed=0, by=alice.user)
        parts = [set(questions(part)) for part in made.values()]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]

    def test_another_seed_is_another_split(self, alice: Member) -> None:
        file = stored(alice, rows(200))
        one, two = (services.split_file(file=file, shares=SHARES, seed=seed, by=alice.user) for seed in (1, 2))
        assert questions(one["test"]) != questions(two["test"])

    @pytest.mark.parametrize("shares", [{"train": 1.0}, {"train": 0.5, "mine": 0.5}, {"train": -1, "test": 1}, {}])
    def test_nonsense_is_refused(self, alice: Member, shares: dict[str, float]) -> None:
        with pytest.raises(UserError, match="train"):
            services.split_file(file=stored(alice, rows(20)), shares=shares, seed=0, by=alice.user)

    def test_an_empty_part_is_refused_and_leaves_nothing(self, alice: Member) -> None:
        file = stored(alice, rows(3))
        with pytest.raises(UserError, match="no row would go to test"):
            services.split_file(file=file, shares={"train": 1, "test": 1e-9}, seed=0, by=alice.user)
        assert TrainingFile.objects.count() == 1


class TestMix:
    def test_weights_repeat_and_thin_out(self, alice: Member) -> None:
        first, second = stored(alice, rows(100)), stored(alice, rows(300)[100:])
        made = services.mix_files(parts=[(first, 2.5), (second, 0.5)], filename="mix.jsonl", seed=0, by=alice.user)
        found = questions(made)
        of_first = [text for text in found if int(text.split()[1][:-1]) < 100]
        assert 230 < len(of_first) < 270
        assert 80 < len(found) - len(of_first) < 120
        assert [part["weight"] for part in made.made["parts"]] == [2.5, 0.5]
        assert sum(part["rows"] for part in made.made["parts"]) == len(found)

    @pytest.mark.parametrize("weight", [0, -1, 101])
    def test_nonsense_is_refused(self, alice: Member, weight: float) -> None:
        with pytest.raises(UserError, match="weight"):
            services.mix_files(parts=[(stored(alice, rows(3)), weight)], filename="m", seed=0, by=alice.user)


class TestDoors:
    def post(self, member: Member, path: str, body: dict[str, Any]) -> Any:
        return Client().post(path, json.dumps(body), content_type="application/json", headers=member.headers)

    def test_by_api(self, alice: Member) -> None:
        file = stored(alice, rows(100))
        split = self.post(alice, f"/api/v1/files/{file.pk}/split", {"shares": SHARES, "seed": 1}).json()
        assert {split[name]["made"]["part"] for name in SHARES} == set(SHARES)
        mixed = self.post(alice, "/api/v1/datasets/mix", {"parts": [{"file": file.pk, "weight": 2}]}).json()
        assert mixed["made"]["parts"][0]["rows"] == 200

    def test_strangers_find_nothing(self, alice: Member, charlie: Member) -> None:
        file = stored(alice, rows(20))
        assert self.post(charlie, f"/api/v1/files/{file.pk}/split", {"shares": SHARES}).status_code == 404
        assert self.post(charlie, "/api/v1/datasets/mix", {"parts": [{"file": file.pk}]}).status_code == 404

    @pytest.mark.usefixtures("plain_static")
    def test_by_page(self, alice: Member) -> None:
        file, other = stored(alice, rows(100)), stored(alice, rows(120)[100:], "more.jsonl")
        page = Client()
        page.force_login(alice.user)
        assert "more.jsonl" in page.get("/datasets").content.decode()
        page.post(f"/datasets/{file.pk}/split", {"train": "80", "validation": "20", "test": "0"})
        assert set(TrainingFile.objects.filter(made__how="split").values_list("made__part", flat=True)) == {
            "train",
            "validation",
        }
        page.post("/datasets/mix", {"file": [file.pk, other.pk], f"weight-{other.pk}": "2", "filename": "both.jsonl"})
        assert len(questions(TrainingFile.objects.get(made__how="mix"))) == 140
