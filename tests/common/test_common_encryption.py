"""Secrets at rest: readable with their own key alone."""

from typing import Any

import pytest

from common.encryption import decrypt, encrypt
from common.errors import UserError


@pytest.mark.parametrize("text", ["", "hf_secret", "密钥", "x" * 10_000])
def test_what_was_put_away_comes_back(text: str) -> None:
    assert decrypt(encrypt(text)) == text


def test_it_does_not_lie_there_in_clear_nor_twice_alike() -> None:
    first, second = encrypt("hf_secret"), encrypt("hf_secret")
    assert first != second
    assert "hf_secret" not in first


def test_a_changed_key_is_told_with_what_to_do(settings: Any) -> None:
    token = encrypt("hf_secret")
    settings.LUTHIER_ENCRYPTION_KEY = "another one"
    with pytest.raises(UserError, match="Restore the old key, or enter the secret again") as refused:
        decrypt(token)
    assert refused.value.code == "encryption_key_changed"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("damage", [lambda token: token[:-4], lambda token: "x" + token, lambda token: ""])
def test_a_damaged_one_is_no_other_secret(damage: Any) -> None:
    with pytest.raises(UserError):
        decrypt(damage(encrypt("hf_secret")))
