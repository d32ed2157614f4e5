"""Pictures for a study's guidelines and its consent text."""

from datetime import datetime

from fastapi import APIRouter, UploadFile
from pydantic import Field

from app.models import GuidePicture
from app.services import guide_pictures, guide_removal, studies
from app.web.api.scoped import MayRunStudies
from app.web.api.shapes import Shape
from app.web.deps import ArtifactsDep, SessionDep

router = APIRouter(prefix="/studies/{study_id}/guide-pictures", tags=["studies"])


class GuidePictureShape(Shape):
    id: int = Field(description="In a text, `![what it shows](picture:ID)` shows it.")
    width: int
    height: int
    size: int = Field(description="Of the stored file, in bytes.")
    created_at: datetime
    address: str = Field(description="Where the site shows it to people who may answer in the study.")

    @classmethod
    def of(cls, picture: GuidePicture) -> "GuidePictureShape":
        row = {name: getattr(picture, name) for name in ("id", "width", "height", "size", "created_at")}
        return cls(**row, address=guide_pictures.address(picture))


@router.get("", operation_id="list_guide_pictures", summary="The study's pictures, in the order they were uploaded")
def index(study_id: int, session: SessionDep, user: MayRunStudies) -> list[GuidePictureShape]:
    """Those that no text shows are among them."""
    study = studies.get(session, study_id)
    return [GuidePictureShape.of(picture) for picture in guide_pictures.of_study(session, study.id)]


@router.post("", operation_id="upload_guide_picture", status_code=201, summary="Upload a picture")
def create(
    study_id: int, picture: UploadFile, session: SessionDep, user: MayRunStudies, artifacts: ArtifactsDep
) -> GuidePictureShape:
    """A PNG, JPEG or WebP of up to 10 MB, as the form's file `picture`. What the file says beside it is not kept."""
    data = picture.file.read(guide_pictures.MOST_BYTES + 1)
    study = studies.get(session, study_id)
    return GuidePictureShape.of(guide_pictures.add(session, artifacts, study=study, data=data, actor=user))


@router.delete("/{picture_id}", operation_id="delete_guide_picture", status_code=204, summary="Remove a picture")
def delete(study_id: int, picture_id: int, session: SessionDep, user: MayRunStudies, artifacts: ArtifactsDep) -> None:
    """409 while a text of the study shows it, and where people agreed to a text that does."""
    guide_removal.remove(session, artifacts, study_id=study_id, picture_id=picture_id, actor=user)
