"""Public identifiers: a readable prefix and 24 random letters and digits, as OpenAI's API makes them."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """Return "prefix-" and 24 characters (143 bits) that cannot be guessed."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(24))}"
