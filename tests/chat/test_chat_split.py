"""Which rows are held out."""

import pytest

from chat import ChatError, in_phase, in_validation, parse_data_split

KEYS = [f"row {number}" for number in range(4000)]


class TestInValidation:
    @pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
    def test_takes_about_its_share(self, share):
        taken = sum(in_validation(key, share=share, seed=0) for key in KEYS) / len(KEYS)
        assert abs(taken - share) < 0.02
        assert share not in (0.0, 1.0) or taken == share

    def test_is_decided_by_key_and_seed_alone(self):
        first = [in_validation(key, share=0.3, seed=1) for key in KEYS]
        assert first == [in_validation(key.encode(), share=0.3, seed=1) for key in KEYS]
        assert first != [in_validation(key, share=0.3, seed=2) for key in KEYS]

    def test_never_changes_between_versions(self):
        assert [key for key in KEYS[:60] if in_validation(key, share=0.1, seed=42)] == GOLDEN

    def test_a_larger_share_holds_the_smaller(self):
        assert all(in_validation(key, share=0.2, seed=0) for key in KEYS if in_validation(key, share=0.1, seed=0))


class TestPhases:
    def test_is_independent_of_the_validation_split(self):
        inside = [key for key in KEYS if in_phase(key, 0.5, 0)]
        assert abs(len(inside) / len(KEYS) - 0.5) < 0.03
        assert abs(sum(in_validation(key, share=0.5, seed=0) for key in inside) / len(inside) - 0.5) < 0.05

    @pytest.mark.parametrize(
        ("text", "share"), [("2,4,4", 0.2), ("10, 0, 0", 1.0), ("1,1,2", 0.25), ("0.5,0.5,0", 0.5)]
    )
    def test_reads_data_split(self, text, share):
        assert parse_data_split(text) == pytest.approx(share)

    @pytest.mark.parametrize("text", ["", "2,4", "a,b,c", "-1,1,1", "nan,1,1", "inf,1,1", "1,2,3,4", "0,1,1", "0,0,0"])
    def test_refuses_what_is_no_split(self, text):
        with pytest.raises(ChatError, match="data_split"):
            parse_data_split(text)


GOLDEN = ["row 0", "row 4", "row 5", "row 8", "row 9", "row 36", "row 40", "row 43", "row 54", "row 57"]
