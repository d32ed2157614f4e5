"""A picture of the guidelines goes only where nobody is shown it."""

import pytest
from sqlalchemy import select

from app.artifacts import Artifacts
from app.db import AFTER_COMMIT
from app.errors import Conflict, NotFound
from app.models import Event, GuidePicture
from app.services import consents, guide_pictures, guide_removal, guidelines, studies
from tests import builders
from tests.files import png


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(str(tmp_path))


@pytest.fixture
def study(db):
    return builders.study(db)


@pytest.fixture
def picture(db, study, artifacts):
    return guide_pictures.add(db, artifacts, study=study, data=png(8, 8), actor=None)


@pytest.fixture
def remove(db, artifacts, study, picture):
    return lambda: guide_removal.remove(db, artifacts, study_id=study.id, picture_id=picture.id, actor=None)


def write(db, study, **texts):
    studies.change_labeling(db, study_id=study.id, labeling=texts, actor=None)


def test_a_picture_that_no_text_shows_goes_with_its_file_and_an_event(db, study, picture, artifacts, remove):
    key = picture.key
    remove()
    assert guide_pictures.of_study(db, study.id) == []
    event = db.scalars(select(Event).order_by(Event.id.desc())).first()
    assert (event.what, event.details) == ("study.guide_picture_removed", {"picture": picture.id})
    assert artifacts.exists(key), "the file is there until the row's end is stored"
    for callback in db.info[AFTER_COMMIT]:
        callback()
    assert not artifacts.exists(key)


@pytest.mark.parametrize(("field", "said"), [("guidelines", "guidelines"), ("consent", "consent text")])
def test_one_that_a_text_shows_stays_and_it_is_said_which(db, study, picture, remove, field, said):
    write(db, study, **{field: f"Look:\n\n- ![a cat](picture:{picture.id})"})
    with pytest.raises(Conflict, match=f"is shown in the {said}"):
        remove()
    write(db, study, **{field: "Look."})
    remove()
    assert db.get(GuidePicture, picture.id) is None


def test_one_that_people_agreed_to_stays_with_their_consent(db, study, picture, remove):
    text = f"![the room](picture:{picture.id})"
    write(db, study, consent=text)
    consents.give(db, study=study, user=builders.user(db), version=guidelines.version(text))
    write(db, study, consent="")
    with pytest.raises(Conflict, match="agreed to"):
        remove()


def test_a_picture_of_another_study_is_not_found(db, artifacts, picture):
    with pytest.raises(NotFound):
        guide_removal.remove(
            db, artifacts, study_id=builders.study(db).id, picture_id=picture.id, actor=None
        )  # fmt: skip


def test_words_that_only_look_like_a_picture_keep_none(db, study, picture, remove):
    write(db, study, guidelines=f"`![x](picture:{picture.id})` and picture:{picture.id}")
    remove()
    assert guide_pictures.of_study(db, study.id) == []
