"""Draws that come out the same every time: asked twice, in two tabs or after a reload, nothing changes."""

import hashlib


def fraction(text: str) -> float:
    """A number in [0, 1), uniform over texts, that the text alone decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
