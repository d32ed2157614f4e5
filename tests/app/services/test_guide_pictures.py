import io

import pytest
from PIL import Image
from sqlalchemy import select

from app.artifacts import Artifacts
from app.errors import BadInput, NotFound
from app.models import Event
from app.services import guide_pictures
from tests import builders
from tests.files import picture_file, png


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(str(tmp_path))


@pytest.fixture
def study(db):
    return builders.study(db)


def opened(artifacts, picture):
    return Image.open(io.BytesIO(artifacts.get_bytes(picture.key, picture.sha256)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_kept_as_webp_under_a_key_that_tells_nothing(db, study, artifacts, kind):
    picture = guide_pictures.add(db, artifacts, study=study, data=picture_file(kind, 60, 40), actor=None)
    kept = opened(artifacts, picture)
    assert (kept.format, kept.size, picture.width, picture.height) == ("WEBP", (60, 40), 60, 40)
    assert picture.key.startswith(f"studies/{study.id}/guide/")
    assert db.scalars(select(Event.what)).all()[-1] == "study.guide_picture_added"


def test_a_large_picture_is_shrunk_and_stands_upright_without_what_the_camera_wrote(db, study, artifacts):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "taken at home"  # lies on its side
    data = picture_file("JPEG", 3200, 1600, exif=exif)
    picture = guide_pictures.add(db, artifacts, study=study, data=data, actor=None)
    assert (picture.width, picture.height) == (800, 1600)
    assert not opened(artifacts, picture).getexif()


def test_transparency_is_kept(db, study, artifacts):
    data = png(8, 8, mode="RGBA")
    assert opened(artifacts, guide_pictures.add(db, artifacts, study=study, data=data, actor=None)).mode == "RGBA"


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", picture_file("GIF", 8, 8), picture_file("PNG", 8, 8)[:40], b"\0" * (10 * 2**20 + 1)],
    ids=["empty", "text", "gif", "cut", "too large"],
)
def test_what_is_no_usable_picture_is_refused(db, study, artifacts, data):
    with pytest.raises(BadInput) as caught:
        guide_pictures.add(db, artifacts, study=study, data=data, actor=None)
    assert "picture" in caught.value.fields


def test_too_many_pixels_are_refused_before_they_are_decoded(db, study, artifacts):
    with pytest.raises(BadInput, match="40 million"):
        guide_pictures.add(db, artifacts, study=study, data=png(8000, 5001, mode="1"), actor=None)


def test_a_picture_of_another_study_is_not_found(db, study, artifacts):
    picture = guide_pictures.add(db, artifacts, study=study, data=png(8, 8), actor=None)
    assert guide_pictures.get(db, study_id=study.id, picture_id=picture.id) is picture
    with pytest.raises(NotFound):
        guide_pictures.get(db, study_id=builders.study(db).id, picture_id=picture.id)
