"""Random tokens of links and sessions: given out once, kept as their SHA-256 only."""

import hashlib
import secrets


def new_token() -> str:
    """256 random bits, as a link or a cookie carries them."""
    return secrets.token_urlsafe(32)


def sha256(token: str) -> str:
    """What is kept of a token. It needs no salt: a token cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
