"""Which rows are held out for validation: decided by each row's own bytes, so appending rows moves none."""

import hashlib
from collections.abc import Mapping

from chat.errors import ChatError
from chat.messages import message
from wording import Message


def in_validation(key: bytes | str, *, share: float, seed: int) -> bool:
    """Return whether the row with this key belongs to the validation set.

    `key` is the row's canonical bytes, so that duplicates go to the same side; `share` in [0, 1] is the fraction of all
    possible keys that is held out.
    """
    return _position(key, seed, b"validation") < share


def in_phase(key: bytes | str, share: float, seed: int) -> bool:
    """Return whether the row belongs to the first phase of DeepSpeed-Chat's `data_split`, whose share is `share`."""
    return _position(key, seed, b"phase") < share


def part_of(key: bytes | str, *, shares: Mapping[str, float], seed: int) -> str:
    """Return the name of the part that the row belongs to; `shares` are positive and need not sum to 1."""
    position, total = _position(key, seed, b"parts") * sum(shares.values()), 0.0
    name = ""
    for name, share in shares.items():
        total += share
        if position < total:
            return name
    return name


def copies_of(key: bytes | str, *, weight: float, seed: int) -> int:
    """Return how often the row appears in a mixture: 2.5 is twice, and once more for half of all rows."""
    whole = int(weight)
    return whole + (_position(key, seed, b"mixture") < weight - whole)


def parse_data_split(text: str) -> float:
    """Return the first phase's share of a `data_split` such as "2,4,4" (0.2): the only phase that trains here."""
    parts, shown = [part.strip() for part in text.split(",")], repr(text[:60])
    try:
        shares = [float(part) for part in parts]
    except ValueError:
        raise _refused(message("data_split_not_numbers", text=shown), "bad_data_split") from None
    if len(shares) != 3 or not all(0 <= share < float("inf") for share in shares):
        raise _refused(message("data_split_not_three", text=shown), "bad_data_split")
    if shares[0] == 0:
        raise _refused(message("empty_data_split", text=shown))
    return shares[0] / sum(shares)


def _refused(why: Message, code: str | None = None) -> ChatError:
    return ChatError(why.followed_by(message("write_three_shares")), code=code)


def _position(key: bytes | str, seed: int, purpose: bytes) -> float:
    """Return the key's place in [0, 1), the same on every machine; purposes are independent of one another."""
    digest = hashlib.blake2b(purpose + b"\0" + str(seed).encode() + b"\0", digest_size=8)
    digest.update(key.encode() if isinstance(key, str) else key)
    # 53 bits: a float holds them exactly, so the result is always below 1.
    return (int.from_bytes(digest.digest(), "big") >> 11) / 2**53
