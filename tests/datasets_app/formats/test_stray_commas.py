"""A comma too many in a file of JSON: named where it stands, and taken away on request."""

import json

import pytest

from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.versions.repairing import preview_repairs
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, lines_of, recheck, row, rows
from tests.datasets_app.small_files import SMALL

pytestmark = pytest.mark.django_db
A, B, C = (json.dumps(value).encode() for value in rows(3))
LONG = json.dumps(row(), indent=1).encode()


def stored(member: Member, content: bytes, name: str = "chats.json") -> TrainingFile:
    return dataset_makers.stored(member.team, content, name, by=member.user)


class TestTheSmallFile:
    def test_says_the_line_of_the_comma(self) -> None:
        content = (SMALL / "f_trailing.json").read_bytes()
        comma = content[: content.rindex(b",")].count(b"\n") + 1
        [fault] = checked(content, "f_trailing.json").faults
        assert (fault.line, fault.kind) == (comma, "not_json")
        assert content.splitlines()[comma - 1].endswith(b",")

    def test_is_repaired_whole(self, alice: Member) -> None:
        file = stored(alice, (SMALL / "f_trailing.json").read_bytes(), "f_trailing.json")
        made, outcome = services.repair_file(file=file, names=["strip_commas"], by=alice.user)
        assert outcome is not None
        assert (outcome.num_changed, outcome.num_dropped, outcome.by_repair) == (1, 0, {"strip_commas": 1})
        assert (recheck(made).status, made.num_rows) == ("processed", file.num_rows)

    def test_the_preview_shows_the_comma(self, alice: Member) -> None:
        file = stored(alice, (SMALL / "f_trailing.json").read_bytes(), "f_trailing.json")
        [change] = preview_repairs(file=file, names=["strip_commas"]).outcome.changes
        assert (change.before, change.after, change.repairs) == (",", "", ("strip_commas",))


CASES: dict[str, tuple[bytes, int, int]] = {
    # the file, the line of the first comma too many, the number of commas that are taken away
    "the end on a later line": (b"[\n" + A + b",\n" + B + b",\n\n\n]", 3, 1),
    "a comma on a line of its own": (b"[\n" + A + b"\n,\n" + B + b"\n,\n]", 5, 1),
    "the end on the same line": (b"[" + A + b", " + B + b",]", 1, 1),
    "two commas between two rows": (b"[" + A + b",\n,\n" + B + b"]", 2, 1),
    "a comma before the first row": (b"[\n,\n" + A + b",\n" + B + b"]\n", 2, 1),
    "many commas": (b"[,,\n,," + A + b",,\n,,,," + B + b",,,]", 1, 3),
    "two commas and the end": (b"[\n" + A + b",\n" + B + b",,\n]", 3, 1),
    "Windows' line ends": (b"[\r\n" + A + b",\r\n" + B + b",\r\n]\r\n", 3, 1),
    "rows over several lines": (b"[\n" + LONG + b",\n" + LONG + b",\n]", 2 * LONG.count(b"\n") + 3, 1),
    "inside a row": (b"[\n" + A + b",\n" + B[:-1] + b",}\n]", 3, 1),
    "inside a list of a row": (b"[\n" + A + b",\n" + B[:-2] + b",\n]}\n]", 4, 1),
    "inside a row of many lines": (b"[\n" + A + b",\n" + LONG[:-2] + b",\n}\n]", 3 + LONG.count(b"\n"), 1),
}


class TestOthers:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("size", [1, 5, 1 << 20])
    def test_the_line_is_that_of_the_comma(self, case: str, size: int) -> None:
        content, line, _ = CASES[case]
        stream = dataset_makers.Trickle(content, size)
        found = dataset_makers.check_file_content(stream, filename="a.json").faults
        assert [(fault.kind, fault.line) for fault in found] == [("not_json", line)]

    @pytest.mark.parametrize("case", CASES)
    def test_the_repair_keeps_every_row(self, alice: Member, case: str) -> None:
        content, _, num_commas = CASES[case]
        made, outcome = services.repair_file(file=stored(alice, content), names=["strip_commas"], by=alice.user)
        assert outcome is not None
        assert (outcome.num_changed, outcome.num_dropped) == (num_commas, 0)
        assert (recheck(made).status, made.num_rows) == ("processed", 2)

    def test_of_objects_one_after_another(self, alice: Member) -> None:
        file = stored(alice, LONG + b"\n" + LONG[:-2] + b",\n}\n")
        made, _ = services.repair_file(file=file, names=["strip_commas"], by=alice.user)
        assert (recheck(made).status, made.num_rows) == ("processed", 2)

    def test_texts_keep_theirs(self, alice: Member) -> None:
        content = b"[" + json.dumps(row("a,]", ",,}")).encode() + b",]"
        made, _ = services.repair_file(file=stored(alice, content), names=["strip_commas"], by=alice.user)
        assert services.open_file(made).read() == lines_of(row("a,]", ",,}"))

    def test_other_repairs_take_no_comma_away(self, alice: Member) -> None:
        file = stored(alice, b"[" + A + b",\n,\n" + B + b"]")
        made, outcome = services.repair_file(file=file, names=["drop_faulty"], by=alice.user)
        assert outcome is not None
        assert (outcome.by_repair, recheck(made).num_rows) == ({"drop_faulty": 1}, 1)

    def test_an_array_without_one_has_nothing_to_repair(self, alice: Member) -> None:
        with pytest.raises(UserError, match="change nothing"):
            services.repair_file(file=stored(alice, b"[" + A + b"," + B + b"]"), names=["strip_commas"], by=alice.user)
