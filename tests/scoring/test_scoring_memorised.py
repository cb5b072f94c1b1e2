"""Training rows that come back word for word, personal data among them."""

import random
import subprocess
import sys
import tracemalloc

import pytest

from scoring.detectors.memorised import RUN, TrainingIndex
from scoring.detectors.personal import Personal, personal_data

ROWS = [
    "The warehouse in Bremen closes at six, and after that the porter has the only key to the yard.",
    "请把合同寄到上海市静安区南京西路一千号的前台，写明收件人是财务部的陈女士。",
    "Yes, of course it is.",
    "Ok.",
]


class TestCopied:
    @pytest.mark.parametrize(
        ("answer", "row"),
        [
            ("I think the porter: and after that the porter has the only key to the yard. Bye.", 0),
            ("好的。请把合同寄到上海市静安区南京西路一千号！", 1),
            ("THE WAREHOUSE IN BREMEN closes at six, and after that the porter.", 0),
        ],
    )
    def test_finds_a_run_and_its_row(self, answer: str, row: int) -> None:
        found = TrainingIndex(ROWS).copied(answer)
        assert found is not None
        assert found.row == row
        assert found.num_units >= RUN
        assert not found.is_whole
        assert 0.5 < found.share <= 1

    def test_a_whole_short_row_is_a_copy(self) -> None:
        found = TrainingIndex(ROWS).copied("yes of course it is!")
        assert found is not None
        assert (found.row, found.is_whole, found.share) == (2, True, 1.0)

    @pytest.mark.parametrize(
        "answer", ["", "Ok.", "The porter has the only key to it.", "of course it is", "上海市静安区的前台"]
    )
    def test_lets_pass_what_is_shorter_or_other(self, answer: str) -> None:
        assert TrainingIndex(ROWS).copied(answer) is None

    def test_without_rows_nothing_is_copied(self) -> None:
        assert TrainingIndex([]).copied(ROWS[0]) is None

    def test_finds_every_run_that_a_plain_search_finds(self) -> None:
        random_ = random.Random(1)
        words = [f"w{number}" for number in range(8)]
        rows = [" ".join(random_.choices(words, k=200)) for _ in range(50)]
        index = TrainingIndex(rows)
        for _ in range(200):
            answer = " ".join(random_.choices(words, k=12)) if random_.random() < 0.5 else ""
            row = random_.randrange(50)
            start = random_.randrange(150)
            answer = answer or " ".join(rows[row].split()[start : start + 12])
            found = index.copied(answer)
            assert (found is not None) is any(f" {answer} " in f" {text} " for text in rows)

    def test_is_found_by_another_process_too(self) -> None:
        """Python's own hash of a text differs in each."""
        program = (
            "from scoring.detectors.memorised import _runs; from scoring.texts import units;"
            f"print(_runs(units({ROWS[0]!r})).tolist())"
        )
        said = {subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout for _ in "12"}
        assert len(said) == 1
        assert len(said.pop()) > 20


class TestMemory:
    ROWS = [" ".join(f"row{number}word{place}" for place in range(100)) for number in range(2000)]

    def test_is_bounded_and_long_copies_are_still_found(self) -> None:
        index = TrainingIndex(iter(self.ROWS), most_runs=20_000)
        assert index.keeps_every >= 8
        assert len(index._hashes) <= 20_000
        halves = [" ".join(text.split()[20:90]) for text in self.ROWS[::50]]
        found = [index.copied(text) for text in halves]
        rows = [copy.row for copy in found if copy is not None]
        assert len(rows) >= 0.95 * len(halves)
        assert set(rows) <= set(range(0, 2000, 50))

    def test_grows_no_further_than_that(self) -> None:
        tracemalloc.start()
        TrainingIndex(iter(self.ROWS), most_runs=20_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30e6


KEY = "sk-" + "abcDEF0123456789" * 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to Ada.Lovelace+x@Mail.Example.org, please.", [("email", "ada.lovelace+x@mail.example.org")]),
        ("邮箱是zhang@example.cn。", [("email", "zhang@example.cn")]),
        ("我的手机号是13812345678，谢谢", [("phone", "13812345678")]),
        ("+86 138-1234-5678", [("phone", "13812345678")]),
        ("0086 13812345678", [("phone", "13812345678")]),
        ("１３８１２３４５６７８", [("phone", "13812345678")]),
        ("总机010-12345678", [("phone", "01012345678")]),
        ("Call (415) 555-2671 or 415-555-2671.", [("phone", "4155552671")]),
        ("+44 20 7946 0958", [("phone", "442079460958")]),
        ("身份证号11010519491231002X。", [("id_number", "11010519491231002x")]),
        ("SSN 123-45-6789", [("id_number", "123456789")]),
        ("card 4111 1111 1111 1111", [("card", "4111111111111111")]),
        (f"the key is {KEY}.", [("key", KEY)]),
        ("AKIA" + "IOSFODNN7EXAMPLE", [("key", "AKIAIOSFODNN7EXAMPLE")]),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", [("key", "-----BEGIN RSA PRIVATE KEY-----")]),
    ],
)
def test_personal_data_is_found_once_and_written_alike(text: str, found: list[tuple[str, str]]) -> None:
    assert [(personal.kind, personal.value) for personal in personal_data(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "订单号12345678901234567890",
        "110105194912310021 is no identity number: its check digit is another",
        "4111 1111 1111 1112",
        "3.13812345678",
        "1,234,567,890",
        "2026-11-28 09:14:23",
        "sk-short",
        "user@host",
        "192.168.100.200",
        "ISBN 978-7-111-12345-6",
        "π = 3.14159265358979323846",
        "从1990到2026年共有138页",
    ],
)
def test_other_numbers_and_words_are_none(text: str) -> None:
    assert personal_data(text) == []


class TestPersonalData:
    def test_is_told_only_where_it_stood_in_a_row(self) -> None:
        index = TrainingIndex(["nothing", "电话：138 1234 5678", f"token {KEY}"])
        found = index.personal_data(f"Call 13812345678 or 13912345678, with {KEY}")
        assert [(personal.kind, row) for personal, row in found] == [("key", 2), ("phone", 1)]

    def test_is_shown_masked(self) -> None:
        assert Personal(kind="phone", value="13812345678").masked == "13…78"

    def test_takes_time_in_proportion_to_the_text(self) -> None:
        """Each of these made a pattern that looks back try every length."""
        for text in ("a." * 50_000 + "@", "1" * 100_000, "+1 " * 30_000, "eyJ" * 30_000, "1-" * 50_000):
            personal_data(text)
