"""Dealt pairs as annotators get them, from the API and in the page alike: nothing here tells who drew what."""

from datetime import datetime
from typing import Literal

from babel import Locale
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.models import Answer, User
from app.services import dealing, waiting
from app.services.dealing import Deal, DealtPair
from app.services.sides import Side
from app.web import languages
from app.web.languages import gettext as _
from app.web.pictures import PictureLinks


class Images(BaseModel):
    """The addresses of the two pictures, by the side of the screen."""

    left: str
    right: str


class ShownPair(BaseModel):
    """One pair on lease to the caller."""

    pair: int
    lease: int
    prompt: str
    left: Side = Field(description="Which of the pair stands on the left; the other stands on the right.")
    images: Images
    width: int = Field(description="Width of both pictures in pixels.")
    height: int = Field(description="Height of both pictures in pixels.")
    answers: list[Answer] = Field(description="The answers that the study offers.")
    expires_at: datetime
    warm_up: bool = Field(description="Its answer does not count: the person is getting used to the question.")


class Next(BaseModel):
    """The caller's pairs. Without any, `reason` says why; null while more are being drawn."""

    pairs: list[ShownPair]
    reason: Literal["done", "held", "paused"] | None
    message: str | None = Field(description="For `paused`: why the caller is, where it is not the study that is.")
    until: datetime | None = Field(description="For `held`: when a pair that others hold comes free at the latest.")
    waiting: int = Field(description="Open pairs of the study that the caller has not answered.")


def next_pairs(
    session: Session, links: PictureLinks, *, study_id: int, user: User, count: int, language: Locale
) -> Next:
    """Deal up to `count` pairs to `user`, who reads `language`."""
    deal = dealing.deal(session, study_id=study_id, user=user, count=count)
    return Next(
        pairs=[_shown(pair, links, user.id) for pair in deal.pairs],
        reason=deal.reason,
        message=_message(deal, language),
        until=deal.until,
        waiting=waiting.pairs_left(session, study_id=study_id, user=user),
    )


def _message(deal: Deal, language: Locale) -> str | None:
    """What a paused person reads: an admin's words, or ours."""
    if not deal.by_name:
        return None
    with languages.speaking(language):
        return deal.message or _(
            "Some of your answers differ from what we expected, which can happen when a question is not clear. "
            "Someone will have a look. All of your answers are kept."
        )


def _shown(pair: DealtPair, links: PictureLinks, viewer_id: int) -> ShownPair:
    first, second = (links.url(picture, viewer_id=viewer_id) for picture in (pair.first, pair.second))
    return ShownPair(
        pair=pair.pair_id,
        lease=pair.lease_id,
        prompt=pair.prompt,
        left=pair.left,
        images=Images(left=first, right=second) if pair.left == "first" else Images(left=second, right=first),
        width=pair.first.width,
        height=pair.first.height,
        answers=[Answer(answer) for answer in pair.answers],
        expires_at=pair.expires_at,
        warm_up=pair.warm_up,
    )
