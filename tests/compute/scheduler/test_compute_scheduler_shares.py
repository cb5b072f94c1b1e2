"""Guarantees, borrowing, reclaiming, fair shares, backfill and limits, on the pure function."""

from dataclasses import replace
from typing import Any

import pytest
from test_compute_scheduler import A, B, held, node, waiting

from compute.scheduler import Decision, Held, NodeState, Snapshot, Start, Stop, Wait, Waiting, decide

C = 3


def look(
    line: list[Waiting], nodes: list[NodeState], *, holding: list[Held] | None = None, **more: Any
) -> dict[str, Any]:
    """Return the decision for each Run: device ids, a code to wait for, or the reason to stop."""
    snapshot = Snapshot(waiting=line, nodes=nodes, held=holding or [], **{"quotas": {}, **more})
    return {decision.run_id: _shown(decision) for decision in decide(snapshot)}


def _shown(decision: Decision) -> Any:
    match decision:
        case Start():
            return decision.device_ids
        case Wait():
            return decision.explanation["code"]
        case Stop():
            return decision.reason
        case _:
            return "end"


class TestGuaranteeFirst:
    def test_a_guaranteed_run_comes_before_an_earlier_one_that_would_borrow(self) -> None:
        line = [waiting("borrows", 1, A, priority=1), waiting("own", 1, B)]
        assert look(line, [node(1, 1)], guarantees={B: 1}) == {"own": (100,), "borrows": "room"}

    def test_only_so_much_of_a_team_comes_first_as_it_is_guaranteed(self) -> None:
        line = [waiting("a", 1, A), waiting("b", 1, B), waiting("b2", 1, B)]
        assert look(line, [node(1, 2)], guarantees={B: 1}) == {"b": (100,), "a": (101,), "b2": "room"}

    def test_what_is_idle_is_lent_up_to_the_ceiling(self) -> None:
        line = [waiting(f"b{number}", 1, B) for number in range(3)]
        found = look(line, [node(1, 4)], guarantees={A: 3, B: 1}, quotas={B: 2})
        assert found == {"b0": (100,), "b1": (101,), "b2": "quota"}


class TestReclaiming:
    def test_the_newest_borrower_of_the_lowest_priority_gives_way(self) -> None:
        holding = [
            held("oldest", (100,), started_at=1),
            held("high", (101,), priority=1, started_at=9),
            held("older", (102,), started_at=2),
            held("newest", (103,), started_at=3),
        ]
        found = look([waiting("b", 1, B)], [node(1, 4)], holding=holding, guarantees={A: 1, B: 1})
        assert found == {"newest": "preempt", "b": "reclaiming"}

    def test_lower_priority_counts_for_more_than_age(self) -> None:
        holding = [
            held("first", (100,), started_at=1), held("low", (101,), priority=-1, started_at=2),
            held("last", (102,), started_at=3),
        ]  # fmt: skip
        found = look([waiting("b", 1, B)], [node(1, 3)], holding=holding, guarantees={A: 1, B: 1})
        assert found == {"low": "preempt", "b": "reclaiming"}

    def test_the_fewest_give_way_and_none_in_vain(self) -> None:
        holding = [held("small", (100,), started_at=9), held("large", (101, 102), started_at=1)]
        found = look([waiting("b", 2, B)], [node(1, 3)], holding=holding, guarantees={B: 2})
        assert found == {"large": "preempt", "b": "reclaiming"}

    def test_nobody_is_preempted_where_that_does_not_help(self) -> None:
        holding = [held("borrows", (100,)), held("guaranteed", (101,), team=C)]
        found = look([waiting("b", 2, B)], [node(1, 2)], holding=holding, guarantees={B: 2, C: 1})
        assert found == {"b": "room"}

    def test_a_guarantee_is_never_preempted(self) -> None:
        holding = [held("a", (100,), started_at=1), held("a2", (101,), started_at=2)]
        assert look([waiting("b", 1, B)], [node(1, 2)], holding=holding, guarantees={A: 2, B: 1}) == {"b": "room"}

    def test_a_borrower_preempts_nobody(self) -> None:
        found = look([waiting("b", 1, B, priority=2)], [node(1, 1)], holding=[held("a", (100,))], guarantees={C: 1})
        assert found == {"b": "room"}

    def test_one_that_ends_sooner_than_its_checkpoint_is_the_last_to_be_taken(self) -> None:
        holding = [
            held("ending", (100,), started_at=5, ends_at=1010.0, checkpoint_seconds=20.0),
            held("going-on", (101,), started_at=1, ends_at=5000.0, checkpoint_seconds=20.0),
        ]
        found = look([waiting("b", 1, B)], [node(1, 2)], holding=holding, guarantees={B: 1}, now=1000.0)
        assert found == {"going-on": "preempt", "b": "reclaiming"}
        found = look([waiting("b", 1, B)], [node(1, 1)], holding=holding[:1], guarantees={B: 1}, now=1000.0)
        assert found == {"ending": "preempt", "b": "reclaiming"}  # an estimate, and there is nobody else
        overdue = [replace(holding[0], ends_at=900.0), holding[1]]
        found = look([waiting("b", 1, B)], [node(1, 2)], holding=overdue, guarantees={B: 1}, now=1000.0)
        assert found == {"ending": "preempt", "b": "reclaiming"}

    def test_devices_that_are_on_their_way_are_not_asked_for_twice(self) -> None:
        holding = [held("going", (100,), stopping=True, yielding=True), held("other", (101,))]
        assert look([waiting("b", 1, B)], [node(1, 2)], holding=holding, guarantees={B: 1}) == {"b": "yielding"}

    def test_an_idle_model_gives_way_before_a_training_does(self) -> None:
        holding = [held("training", (100,)), held("model", (101,), team=C, idle=True, counts_in_quota=False)]
        found = look([waiting("b", 1, B)], [node(1, 2)], holding=holding, guarantees={B: 1})
        assert found == {"model": "yield", "b": "yielding"}

    def test_what_is_not_preemptible_fills_the_guarantee_first_and_borrows_last(self) -> None:
        holding = [held("bot", (100,), preemptible=False, started_at=9), held("training", (101,), started_at=1)]
        found = look([waiting("b", 1, B)], [node(1, 2)], holding=holding, guarantees={A: 1, B: 1})
        assert found == {"training": "preempt", "b": "reclaiming"}
        found = look([waiting("b", 1, B)], [node(1, 1)], holding=holding[:1], guarantees={B: 1})
        assert found == {"bot": "preempt", "b": "reclaiming"}


class TestClaims:
    def test_what_was_taken_back_for_a_run_is_its_own_once_it_is_free(self) -> None:
        line = [waiting("earlier", 1, C), waiting("b", 1, B, claimed_node=1)]
        found = look(line, [node(1, 2)], holding=[held("a", (101,))], guarantees={B: 1, C: 1})
        assert found == {"b": (100,), "a": "preempt", "earlier": "reclaiming"}

    def test_are_told_and_kept_for_as_long_as_devices_are_coming(self) -> None:
        holding = [held("a", (100,), stopping=True, yielding=True), held("x", (101,), team=C)]
        snapshot = Snapshot(
            waiting=[waiting("b0", 1, C), waiting("b", 1, B, claimed_node=1)], nodes=[node(1, 2)], quotas={},
            held=holding, guarantees={B: 1, C: 2},
        )  # fmt: skip
        found = {one.run_id: one.claimed_node for one in decide(snapshot) if isinstance(one, Wait)}
        assert found == {"b": 1, "b0": None}

    def test_end_with_the_guarantee_and_with_the_node(self) -> None:
        line = [waiting("earlier", 1, C), waiting("b", 1, B, claimed_node=1)]
        assert look(line, [node(1, 1)], guarantees={C: 1}) == {"earlier": (100,), "b": "room"}
        found = look(line, [node(1, 1, takes_runs=False), node(2, 1)], guarantees={B: 1, C: 1})
        assert found == {"earlier": (200,), "b": "room"}


class TestMoving:
    HOLDING = (held("a1", (100,), started_at=1), held("a2", (200,), started_at=2))

    def test_a_guarantee_that_is_scattered_over_nodes_is_brought_together(self) -> None:
        found = look(
            [waiting("b", 2, B)], [node(1, 2), node(2, 2)], holding=list(self.HOLDING), guarantees={A: 2, B: 2}
        )
        assert found == {"a1": "preempt", "b": "reclaiming"}

    def test_nobody_is_moved_who_would_find_no_room(self) -> None:
        holding = [*self.HOLDING, held("c1", (101,), team=C), held("c2", (201,), team=C)]
        found = look([waiting("b", 2, B)], [node(1, 2), node(2, 2)], holding=holding, guarantees={A: 2, B: 2, C: 2})
        assert found == {"b": "room"}

    def test_what_cannot_be_interrupted_is_not_moved(self) -> None:
        holding = [replace(one, preemptible=False) for one in self.HOLDING]
        found = look([waiting("b", 2, B)], [node(1, 2), node(2, 2)], holding=holding, guarantees={A: 2, B: 2})
        assert found == {"b": "room"}

    def test_the_fewest_borrowers_go_with_it(self) -> None:
        holding = [*self.HOLDING, held("c", (101,), team=C)]
        found = look([waiting("b", 2, B)], [node(1, 2), node(2, 2)], holding=holding, guarantees={A: 2, B: 2})
        assert found == {"a2": "preempt", "b": "reclaiming"}


class TestPlacing:
    def test_of_nodes_that_are_as_full_that_which_is_kept_busy_least_longer(self) -> None:
        begun = {"started_at": 1000.0}
        holding = [held("soon", (100,), ends_at=1050.0, **begun), held("later", (200,), ends_at=1500.0, **begun)]
        line = [waiting("a", 1, most_seconds=100.0)]
        assert look(line, [node(1, 2), node(2, 2)], holding=holding, now=1000.0) == {"a": (201,)}


class TestFairShares:
    def test_of_borrowers_the_team_that_has_used_least_over_its_guarantee_comes_first(self) -> None:
        line = [waiting("a", 1, A), waiting("b", 1, B), waiting("c", 1, C)]
        usage = {A: 300.0, B: 200.0, C: 1000.0}
        more = {"guarantees": {C: 10}, "holding": [held("c0", tuple(range(200, 210)), team=C)], "usage": usage}
        found = look(line, [node(1, 1), node(2, 10)], **more)
        assert found == {"c": (100,), "b": "room", "a": "room"}

    def test_priority_decides_within_a_share_and_urgent_work_beyond_it(self) -> None:
        line = [waiting("a", 1, A, priority=1), waiting("b", 1, B), waiting("b2", 1, B, priority=1)]
        usage = {A: 300.0, B: 200.0}
        assert list(look(line, [node(1, 1)], usage=usage)) == ["b2", "b", "a"]
        line[0] = replace(line[0], priority=2)
        assert list(look(line, [node(1, 1)], usage=usage)) == ["a", "b2", "b"]

    def test_what_is_given_out_counts_at_once(self) -> None:
        line = [waiting(f"a{number}", 1, A) for number in range(3)] + [waiting("b", 1, B)]
        found = look(line, [node(1, 2)], usage={A: 0.0, B: 10.0}, horizon=60.0)
        assert found == {"a0": (100,), "b": (101,), "a1": "room", "a2": "room"}


class TestBackfill:
    @pytest.mark.parametrize(("seconds", "expected"), [(500.0, (101,)), (2000.0, "room"), (None, "room")])
    def test_only_what_ends_before_the_reservation_begins(self, seconds: float | None, expected: Any) -> None:
        line = [waiting("large", 2), waiting("small", 1, B, most_seconds=seconds)]
        holding = [held("x", (100,), ends_at=2000.0)]
        assert look(line, [node(1, 2)], holding=holding, now=1000.0)["small"] == expected

    def test_what_the_reservation_leaves_is_anybodys_for_as_long_as_they_like(self) -> None:
        line = [waiting("large", 2), waiting("small", 1, B), waiting("more", 1, B)]
        holding = [held("x", (100, 101), ends_at=2000.0), held("y", (102,), ends_at=9000.0)]
        found = look(line, [node(1, 5)], holding=holding, now=1000.0)
        assert found == {"large": (103, 104), "small": "room", "more": "room"}
        line[0] = waiting("large", 3)
        found = look(line, [node(1, 5)], holding=holding, now=1000.0)
        assert found == {"large": "room", "small": (103,), "more": "room"}

    def test_nothing_where_nobody_knows_when_it_begins(self) -> None:
        line = [waiting("large", 2), waiting("small", 1, B, most_seconds=1.0)]
        assert look(line, [node(1, 2)], holding=[held("x", (100,))], now=1000.0)["small"] == "room"


class TestAuto:
    def test_takes_its_guarantee_where_others_wait(self) -> None:
        line = [waiting("a", None, A), waiting("b", 1, B)]
        found = look(line, [node(1, 4)], guarantees={A: 2})
        assert found == {"a": (100, 101), "b": (102,)}

    def test_takes_the_least_without_a_guarantee_where_others_wait(self) -> None:
        line = [waiting("a", None, A), waiting("a2", None, A, min_accelerators=2)]
        assert look(line, [node(1, 4)]) == {"a": (100,), "a2": (101, 102)}

    def test_goes_on_with_the_number_it_had(self) -> None:
        assert look([waiting("a", None, A, kept_accelerators=2)], [node(1, 4)]) == {"a": (100, 101)}

    def test_goes_on_with_fewer_where_only_fewer_exist(self) -> None:
        assert look([waiting("a", None, A, kept_accelerators=4)], [node(1, 2)]) == {"a": (100, 101)}
        found = look([waiting("a", None, A, kept_accelerators=4)], [node(1, 4)], quotas={A: 3})
        assert found == {"a": (100, 101, 102)}


class TestLimits:
    def test_a_person_at_the_limit_waits_while_others_of_the_team_pass(self) -> None:
        line = [waiting("a", 1, A, user_id=7), waiting("a2", 1, A, user_id=7), waiting("b", 1, A, user_id=8)]
        holding = [held("x", (100,), user_id=7)]
        found = look(line, [node(1, 4)], per_user={A: 1}, holding=holding)
        assert found == {"a": "person", "a2": "behind_own", "b": (101,)}

    def test_more_than_one_person_may_hold_is_told_at_once(self) -> None:
        assert look([waiting("a", 2, A, user_id=7)], [node(1, 4)], per_user={A: 1}) == {"a": "over_person"}

    def test_a_run_that_has_lasted_as_long_as_it_may_is_stopped_whoever_waits(self) -> None:
        holding = [held("x", (100,), must_end_at=1000.0), held("y", (101,), must_end_at=1001.0)]
        assert look([], [node(1, 2)], holding=holding, now=1000.0) == {"x": "limit"}
