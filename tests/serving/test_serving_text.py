"""Stop strings, tool calls and what may be sent when."""

import json

import pytest

from serving.call_forms import Family
from serving.text import StopText
from serving.tool_calls import CallReader


def passed(stops: list[str], pieces: list[str]) -> tuple[list[str], bool]:
    stop = StopText(stops)
    out = [stop.push(piece) for piece in pieces]
    return [*out, stop.flush()], stop.found


class TestStopText:
    def test_a_stop_over_several_pieces_is_never_sent(self) -> None:
        assert passed(["END"], ["one E", "N", "D two"]) == (["one ", "", "", ""], True)

    def test_a_false_beginning_is_sent_later(self) -> None:
        assert passed(["END"], ["one E", "N", "x"]) == (["one ", "", "ENx", ""], False)

    def test_what_is_held_comes_at_the_end(self) -> None:
        assert passed(["END"], ["one EN"]) == (["one ", "EN"], False)

    def test_the_earliest_of_several_stops_wins(self) -> None:
        assert passed(["three", "two"], ["one two three"]) == (["one ", ""], True)

    @pytest.mark.parametrize("stop", ["琴匠", "🎻", "匠"])
    def test_other_scripts(self, stop: str) -> None:
        pieces, found = passed([stop], list("我是琴匠🎻。"))
        assert ("".join(pieces), found) == ("我是琴匠🎻。".split(stop)[0], True)

    def test_a_repeating_beginning(self) -> None:
        assert passed(["aab"], ["a", "a", "a", "b", "c"]) == (["", "", "a", "", "", ""], True)


class TestToolCalls:
    def test_hermes_blocks_become_calls(self) -> None:
        text = 'Let me see.\n<tool_call>\n{"name": "look", "arguments": {"q": "小提琴"}}\n</tool_call>'
        rest, calls = CallReader(Family.HERMES, ["look"]).split(text)
        assert rest == "Let me see."
        assert [call["function"]["name"] for call in calls] == ["look"]
        assert json.loads(calls[0]["function"]["arguments"]) == {"q": "小提琴"}

    def test_two_calls_have_two_ids(self) -> None:
        _, calls = CallReader(Family.HERMES, ["look"]).split(
            '<tool_call>{"name": "a"}</tool_call><tool_call>{"name": "b"}</tool_call>'
        )
        assert len({call["id"] for call in calls}) == 2

    @pytest.mark.parametrize("text", ["<tool_call>{not json}</tool_call>", '<tool_call>{"name": "a"}', "plain"])
    def test_what_is_no_call_stays_text(self, text: str) -> None:
        assert CallReader(Family.HERMES, ["look"]).split(text) == (text, [])
