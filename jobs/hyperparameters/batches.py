"""A batch of one optimizer step, laid out over devices and rounds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """world_size x per_device x rounds conversations make one step."""

    world_size: int
    per_device: int
    rounds: int

    @property
    def batch_size(self) -> int:
        return self.world_size * self.per_device * self.rounds


def lay_out(batch_size: int, *, devices: int, at_most: int) -> Layout:
    """Lay `batch_size` conversations out over as many of `devices` as divide it, `at_most` at a time on each.

    The product is always `batch_size`: a job that goes on with other devices must see the same batches.
    """
    world_size = _largest_divisor(batch_size, devices)
    per_rank = batch_size // world_size
    per_device = _largest_divisor(per_rank, at_most)
    return Layout(world_size=world_size, per_device=per_device, rounds=per_rank // per_device)


def round_up(batch_size: int, *, devices: int) -> int:
    """Return the least multiple of `devices` that is not below `batch_size`, so that none of them idles."""
    return -(-batch_size // devices) * devices


def _largest_divisor(number: int, at_most: int) -> int:
    return next(divisor for divisor in range(min(number, max(1, at_most)), 0, -1) if number % divisor == 0)
