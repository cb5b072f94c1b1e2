"""Rows that change along their table alone, whatever a caller's old copy says."""

import pytest

from catalogue.models import BaseModel
from wording import as_written

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> BaseModel:
    return BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=1, context_length=64, hidden_size=8, num_layers=2,
        vocab_size=32, licence="none", template="own",
    )  # fmt: skip


def fresh(row: BaseModel) -> BaseModel:
    return BaseModel.objects.get(pk=row.pk)


@pytest.mark.parametrize("state", BaseModel.State.values)
@pytest.mark.parametrize("to", BaseModel.State.values)
def test_only_the_tables_steps_are_taken(row: BaseModel, state: str, to: str) -> None:
    BaseModel.objects.update(state=state, folder="tiny", sha256="0" * 64)
    is_allowed = to in BaseModel.TRANSITIONS[state]
    assert row.move(to, error_code="why") is is_allowed
    assert (fresh(row).state, fresh(row).error_code) == ((to, "why") if is_allowed else (state, ""))


def test_an_old_copy_decides_nothing_and_is_brought_up_to_date(row: BaseModel) -> None:
    old = fresh(row)
    row.mark_downloading()
    row.mark_failed(as_written("No space."), code="disk_full")
    assert old.move("present", only_from="downloading") is False
    assert (old.state, old.error) == ("failed", as_written("No space."))


def test_nothing_else_of_an_old_copy_is_written(row: BaseModel) -> None:
    old = fresh(row)
    BaseModel.objects.update(display_name="Renamed")
    old.display_name = "As it was"
    assert old.mark_downloading()
    assert fresh(row).display_name == "Renamed"


def test_a_row_that_is_gone_cannot_change(row: BaseModel) -> None:
    BaseModel.objects.all().delete()
    assert row.mark_downloading() is False
