"""What a picture is called in training: `[style] name-or-group [on background]`, or nothing at all."""

import random

from scripts.demo_model.backgrounds import NAMES, WHITE
from scripts.demo_model.pictures import Row

# Captions left empty teach the unconditional half of classifier-free guidance (Ho & Salimans, arXiv 2207.12598).
EMPTY = 0.1
BY_NAME = 0.8
WITH_STYLE = 0.5
WITH_WHITE = 0.25
WITH_COLOUR = 0.6


def draw_caption(row: Row, background: int, chance: random.Random) -> str:
    """One of the many captions of this picture on this background."""
    if chance.random() < EMPTY:
        return ""
    words = chance.choice(row.names) if chance.random() < BY_NAME else row.group
    if chance.random() < WITH_STYLE:
        words = f"{row.style} {words}"
    if chance.random() < (WITH_WHITE if background == WHITE else WITH_COLOUR):
        words = f"{words} on {NAMES[background]}"
    return words


def full_caption(row: Row, background: int) -> str:
    """The caption that says all there is to say."""
    return f"{row.style} {row.names[0]} on {NAMES[background]}"
