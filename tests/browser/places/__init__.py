"""Every page of the site in every state that looks different: who sees it, where it is, and what stands there.

A place is a function that makes what its page shows and gives the path; its module says whose it is.
"""

from tests.browser.places import (
    agreement,
    coming_in,
    exports,
    house,
    imports,
    labelling,
    playground,
    programs,
    research,
    studies,
)
from tests.browser.places.registry import ELSEWHERE, PLACES, Place

__all__ = [
    "ELSEWHERE", "PLACES", "Place", "agreement", "coming_in", "exports", "house", "imports", "labelling",
    "playground", "programs", "research", "studies",
]  # fmt: skip
