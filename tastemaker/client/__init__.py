"""A small typed client of a Tastemaker site, over httpx.

    from tastemaker.client import Client

    with Client("https://tastemaker.example", "the token") as client:
        for checkpoint in client.checkpoints.all(current=True):
            client.checkpoints.download(checkpoint.id, "loras", format="kohya")

It imports nothing of the product and installs alone (docs/client.md).
"""

from tastemaker.client import shapes
from tastemaker.client.annotating import Judge, Shown
from tastemaker.client.client import Client
from tastemaker.client.errors import (
    BadInput,
    Conflict,
    Damaged,
    ExportFailed,
    Forbidden,
    Gone,
    ImportFailed,
    NotFound,
    NotSignedIn,
    PushFailed,
    Refused,
    ScoringFailed,
    SiteFault,
    TastemakerError,
    TooMany,
    Unreachable,
    Unreadable,
)

__all__ = [
    "BadInput",
    "Client",
    "Conflict",
    "Damaged",
    "ExportFailed",
    "Forbidden",
    "Gone",
    "ImportFailed",
    "Judge",
    "NotFound",
    "NotSignedIn",
    "PushFailed",
    "Refused",
    "ScoringFailed",
    "Shown",
    "SiteFault",
    "TastemakerError",
    "TooMany",
    "Unreachable",
    "Unreadable",
    "shapes",
]
