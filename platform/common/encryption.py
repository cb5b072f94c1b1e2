"""Secrets that must be used again (hub tokens, webhook secrets) rest encrypted with a key from the environment."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from common.errors import UserError
from common.messages import message


def encrypt(text: str) -> str:
    """Return `text` encrypted with LUTHIER_ENCRYPTION_KEY."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return what `encrypt` was given; a changed key is said in a sentence."""
    try:
        return _fernet().decrypt(token.encode()).decode()
    except InvalidToken:
        raise UserError(message("encryption_key_changed")) from None


def _fernet() -> Fernet:
    digest = hashlib.sha256(settings.LUTHIER_ENCRYPTION_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
