"""Participations: one person in one study, and what they agreed to."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class Participation(Base):
    """One person in one study, made when they first open it.

    `guidelines_sha256` is of the guidelines that they said they read. `paused_at` with its reason keeps them from
    being dealt pairs, by an admin (`paused_by_id`) or by the study's own rule (none). `left_out_at` takes their choices
    out of places, preferences and statistics until it is taken back. `thanked_round_id` is the last round whose
    thank-you they have seen.
    """

    __tablename__ = "participations"
    __table_args__ = (UniqueConstraint("study_id", "user_id"),)

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    began_at: Mapped[CreatedAt]
    guidelines_sha256: Mapped[str | None] = mapped_column(String(64))
    warmed_up_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None]
    paused_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    # gold answers from before this time are forgiven: an admin let them go on
    gold_from: Mapped[datetime | None]
    left_out_at: Mapped[datetime | None]
    thanked_round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"))


class Consent(Base):
    """Someone's consent to a study's text, kept with the text's version and its words as they stood."""

    __tablename__ = "consents"
    __table_args__ = (UniqueConstraint("user_id", "study_id", "version"),)

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    version: Mapped[str] = mapped_column(String(64))  # SHA-256 of the text
    text: Mapped[str]
    given_at: Mapped[CreatedAt]
    withdrawn_at: Mapped[datetime | None]


class GuidePicture(Base):
    """A picture in a study's guidelines, uploaded by an admin; `![what](picture:ID)` shows it."""

    __tablename__ = "guide_pictures"

    id: Mapped[Id]
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)
    key: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[CreatedAt]
