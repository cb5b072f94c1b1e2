"""Rows with a state: one table says which changes there are, and one method makes them."""

from typing import Any, ClassVar

from django.db import models, transaction


class Guarded(models.Model):
    """A row whose state changes along TRANSITIONS alone.

    A caller's copy of the row may be old: what decides is the row itself, under its lock, and nothing but the state
    and what belongs to the change is written.
    """

    STATE: ClassVar[str] = "state"
    """The name of the field, or of a property, that has the row's state."""
    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {}

    class Meta:
        abstract = True

    def move(self, to: str, *, only_from: str = "", **changes: Any) -> bool:
        """Lock the row, check the table, write the new state with `changes`, and bring this copy up to date.

        Return False, with nothing written, where the table does not allow the step or the row is gone: somebody else
        was faster. `only_from` allows less than the table does. A row that is `to` already stays as it is.
        """
        rows = type(self)._base_manager.filter(pk=self.pk)
        written = {**self._columns(to), **changes}
        with transaction.atomic():
            current = rows.select_for_update(of=("self",)).first()
            if current is None:
                return False
            stands = getattr(current, self.STATE)
            is_allowed = to in self.TRANSITIONS[stands] and only_from in ("", stands)
            if is_allowed:
                rows.update(**written)
            self.refresh_from_db(fields=list(written) if is_allowed else None)
        return is_allowed

    def _columns(self, to: str) -> dict[str, Any]:
        """Return what makes the row `to`: its state's own column, where it has one."""
        return {self.STATE: to}
