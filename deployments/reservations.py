"""What a deployment keeps for itself: nothing, by default, or accelerators of its own, always or while it is asked."""

from accounts.models import Team
from common.errors import UserError
from compute.administering.quotas import MOST_ACCELERATORS
from compute.models import Pool, Quota
from compute.models.shares import DEFAULT_POOL
from deployments.messages import message
from deployments.models import Accelerators, Reserved
from deployments.replicas import most_accelerators

HOURS_OF_A_MONTH = 720


def columns(accelerators: Accelerators, min_replicas: int | None = None, pool: Pool | None = None) -> Reserved:
    """Return the columns of a deployment that was asked for so; UserError says what cannot be.

    `pool` is where it answers, on the shared replica of its base there or on its own; None is the default one.
    `min_replicas` belongs to accelerators of its own: 1, which None means, keeps them always; 0 gives them back while
    nobody asks.
    """
    if accelerators == "shared":
        if min_replicas is not None:
            raise UserError(message("min_replicas_of_a_name"), code="invalid_value", param="min_replicas")
        return {"shared": True, "accelerators": None, "min_replicas": 0, "pool": as_stored(pool)}
    if min_replicas not in (None, 0, 1):
        raise UserError(message("min_replicas_invalid"), code="invalid_value", param="min_replicas")
    number = None if accelerators == "auto" else accelerators
    _check_number(number, pool)
    kept = 1 if min_replicas is None else min_replicas
    return {"shared": False, "accelerators": number, "min_replicas": kept, "pool": as_stored(pool)}


def as_stored(pool: Pool | None) -> Pool | None:
    """Return the pool as a deployment has it: the default one is None."""
    return None if pool is None or pool.name == DEFAULT_POOL else pool


def hours_of(team: Team) -> int | None:
    """Return the accelerator-hours that `team` may use in a month; None: nobody counts them."""
    limits = Quota.objects.filter(team=team).exclude(accelerator_hours=None).order_by("pool")
    return limits.values_list("accelerator_hours", flat=True).first()


def _check_number(accelerators: int | None, pool: Pool | None) -> None:
    if accelerators is not None and not 1 <= accelerators <= MOST_ACCELERATORS:
        raise UserError(message("accelerators_invalid"), code="invalid_value", param="accelerators")
    most = most_accelerators(pool)
    if most is not None and accelerators is not None and accelerators > most:
        raise UserError(
            message("too_many_accelerators", most=most),
            param="accelerators",
        )
