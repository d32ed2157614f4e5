"""What the model learns to draw: which emoji are read, which it is narrowed to, and which it never sees in training."""

import hashlib

from scripts.demo_model.pictures import Row

LEFT_OUT_CATEGORIES = frozenset({"Flags", "Component"})

# Signs, letters and crowds of look-alike people: nothing a picture of 64×64 could be liked or disliked for.
LEFT_OUT_GROUPS = frozenset(
    {
        "alphanum",
        "arrow",
        "av-symbol",
        "currency",
        "family",
        "gender",
        "geometric",
        "keycap",
        "math",
        "other-symbol",
        "person-activity",
        "person-gesture",
        "person-role",
        "person-sport",
        "punctuation",
        "religion",
        "time",
        "transport-sign",
        "warning",
        "zodiac",
    }
)

NARROWED_GROUPS = frozenset(
    {
        "animal amphibian",
        "animal bird",
        "animal bug",
        "animal mammal",
        "animal marine",
        "animal reptile",
        "cat face",
        "drink",
        "food asian",
        "food fruit",
        "food prepared",
        "food sweet",
        "food vegetable",
        "heart",
        "monkey face",
        "plant flower",
        "plant other",
        "sky & weather",
    }
)

HELD_OUT_ONE_IN = 20


def is_narrowed(row: Row) -> bool:
    """Whether the second phase of the UNet trains on this picture."""
    return row.group in NARROWED_GROUPS or row.group.startswith("face")


def is_held_out(row: Row) -> bool:
    """Whether this picture is kept from training: one in twenty of the narrowed groups, by a hash of style and name."""
    digest = hashlib.sha256(f"{row.style} {row.names[0]}".encode()).digest()
    return is_narrowed(row) and digest[0] % HELD_OUT_ONE_IN == 0


def held_out(rows: list[Row]) -> list[int]:
    """Places of the pictures that are measured on and never trained."""
    return [place for place, row in enumerate(rows) if is_held_out(row)]


def trained(rows: list[Row], *, narrowed: bool) -> list[int]:
    """Places of the pictures that are trained on: all, or those of the narrowed groups."""
    return [place for place, row in enumerate(rows) if not is_held_out(row) and (is_narrowed(row) or not narrowed)]
