"""A message is a code with its parameters until somebody reads it."""

import json

import pytest

from wording import Catalogue, Message, as_written, plural, sentence

CATALOGUE = Catalogue(
    {
        "test_greeted": sentence("Hello %(name)s, you are number %(number)s."),
        "test_line": sentence("Line %(line)d is wrong."),
        "test_rows": plural("%(rows)s row is left.", "%(rows)s rows are left.", by="rows"),
        "test_failed": sentence("It failed: %(reason)s"),
        "test_share": sentence("%(percent)s %% is done."),
    }
)
message = CATALOGUE.message


def in_chinese(one: str, many: str | None = None, number: int = 1) -> str:
    return {"Line %(line)d is wrong.": "第 %(line)d 行有误。", "It failed: %(reason)s": "失败：%(reason)s"}.get(
        one, one
    )


class TestMessage:
    def test_becomes_an_english_sentence(self) -> None:
        assert str(message("test_greeted", name="Ada", number=1234567)) == "Hello Ada, you are number 1,234,567."

    def test_shows_a_line_number_without_separators(self) -> None:
        assert str(message("test_line", line=12345)) == "Line 12345 is wrong."

    @pytest.mark.parametrize(
        ("rows", "said"), [(1, "1 row is left."), (2, "2 rows are left."), (0, "0 rows are left.")]
    )
    def test_counts(self, rows: int, said: str) -> None:
        assert str(message("test_rows", rows=rows)) == said

    def test_doubles_no_percent_sign(self) -> None:
        assert str(message("test_share", percent=3)) == "3 % is done."

    def test_refuses_a_code_that_the_catalogue_lacks(self) -> None:
        with pytest.raises(LookupError):
            message("test_nothing")

    @pytest.mark.parametrize("params", [{}, {"line": 1, "file": "a"}, {"row": 1}])
    def test_refuses_other_parameters_than_the_sentences(self, params: dict[str, object]) -> None:
        with pytest.raises(TypeError, match="test_line takes"):
            message("test_line", **params)

    def test_says_a_message_inside_a_message_in_the_same_language(self) -> None:
        failed = message("test_failed", reason=message("test_line", line=3))
        assert str(failed) == "It failed: Line 3 is wrong."
        assert failed.in_words(in_chinese) == "失败：第 3 行有误。"

    def test_says_what_follows_without_a_space_after_a_chinese_full_stop(self) -> None:
        both = message("test_line", line=3).followed_by(None, message("test_line", line=4))
        assert str(both) == "Line 3 is wrong. Line 4 is wrong."
        assert both.in_words(in_chinese) == "第 3 行有误。第 4 行有误。"

    def test_comes_back_from_json_as_it_was(self) -> None:
        whole = message("test_failed", reason=message("test_line", line=3)).followed_by(message("test_rows", rows=2))
        assert Message.restored(json.loads(json.dumps(whole.stored()))) == whole

    def test_shows_a_foreign_text_as_it_is(self) -> None:
        assert as_written("100% %(odd)s").in_words(in_chinese) == "100% %(odd)s"

    @pytest.mark.parametrize("odd", [{"code": 3}, {"code": "x", "params": [1], "more": 1}, {"code": "x", "then": "y"}])
    def test_takes_no_object_with_a_code_for_a_message(self, odd: dict[str, object]) -> None:
        said = message("test_failed", reason=odd)
        assert Message.restored(json.loads(json.dumps(said.stored()))) == said

    def test_says_nothing_for_a_foreign_text_of_no_words(self) -> None:
        assert str(as_written(RuntimeError())) == ""

    def test_shows_the_code_of_another_versions_message(self) -> None:
        assert str(Message("not_known_here", {"rows": 1})) == "not_known_here"


def test_a_code_exists_once() -> None:
    Catalogue({"test_line": sentence("Line %(line)d is wrong.")})
    with pytest.raises(ValueError, match="test_line exists twice"):
        Catalogue({"test_line": sentence("Something else.")})
