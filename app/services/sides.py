"""Which picture of a pair stands on which side of the screen."""

import hashlib
from typing import Literal

from app.models import Purpose

Side = Literal["first", "second"]


def left_side(user_id: int, pair_id: int, purpose: Purpose) -> Side:
    """Which sample stands on the left: a hash of annotator, pair and purpose, so a reload shows the same."""
    seen_as = Purpose.COUNTED if purpose == Purpose.REPEAT else purpose
    bit = hashlib.sha256(f"side/{user_id}/{pair_id}/{seen_as}".encode()).digest()[0] & 1
    if purpose == Purpose.REPEAT:
        bit ^= 1  # a hidden repeat shows the other side
    return "first" if bit else "second"
