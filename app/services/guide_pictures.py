"""Pictures in a study's guidelines: uploaded by an admin, drawn anew so that nothing but the picture is kept."""

import io
import secrets

from PIL import Image, ImageOps
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import picture_files
from app.artifacts import Artifacts
from app.errors import BadInput, NotFound
from app.models import GuidePicture, Study, User
from app.services import events

MOST_BYTES = 10 << 20
LONGEST_SIDE = 1600
ADDRESS = r"/annotate/\d+/guide/\d+"


def add(session: Session, artifacts: Artifacts, *, study: Study, data: bytes, actor: User | None) -> GuidePicture:
    """Store an uploaded picture as a WebP of at most 1600 pixels a side, without what the file says beside it.

    Raises `BadInput` where it is no PNG, JPEG or WebP, or larger than 10 MB or 40 million pixels.
    """
    image = _read(data)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=92)
    stored = artifacts.put_bytes(f"studies/{study.id}/guide/{secrets.token_hex(8)}-1.webp", buffer.getvalue())
    picture = GuidePicture(
        study_id=study.id, key=stored.key, sha256=stored.sha256, size=stored.size, width=image.width,
        height=image.height,
    )  # fmt: skip
    session.add(picture)
    session.flush()
    events.write(session, "study.guide_picture_added", study, actor=actor, picture=picture.id)
    return picture


def of_study(session: Session, study_id: int) -> list[GuidePicture]:
    """The study's pictures in the order they were uploaded."""
    return list(
        session.scalars(select(GuidePicture).where(GuidePicture.study_id == study_id).order_by(GuidePicture.id))
    )


def get(session: Session, *, study_id: int, picture_id: int) -> GuidePicture:
    picture = session.get(GuidePicture, picture_id)
    if picture is None or picture.study_id != study_id:
        raise NotFound(f"This study has no picture {picture_id}.")
    return picture


def address(picture: GuidePicture) -> str:
    """Where the site shows it."""
    return f"/annotate/{picture.study_id}/guide/{picture.id}"


def _read(data: bytes) -> Image.Image:
    """The picture upright in RGB(A), shrunk where it is large."""
    if len(data) > MOST_BYTES:
        raise _refused("is larger than 10 MB")
    try:
        with picture_files.opened(data) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGBA" if opened.has_transparency_data else "RGB")
    except BadInput as error:
        raise _refused(error.message) from error
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return image


def _refused(why: str) -> BadInput:
    return BadInput(f"The picture {why}.", "Choose another file.", fields={"picture": why})
