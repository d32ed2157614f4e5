import pytest

from app.db import transaction
from app.services import studies
from tests import builders
from tests.files import png


@pytest.fixture
def path(factory):
    with transaction(factory) as session:
        return f"/studies/{builders.study(session).id}/guide-pictures"


def upload(client, path, data=None):
    return client.call("POST", path, files={"picture": ("a.png", png(20, 10) if data is None else data, "image/png")})


def test_a_picture_is_uploaded_listed_shown_and_removed(admin, path):
    made = upload(admin, path)
    assert made.status_code == 201
    picture = made.json()
    assert (picture["width"], picture["height"]) == (20, 10)
    assert [one["id"] for one in admin.get(f"/api/v1{path}").json()] == [picture["id"]]
    assert admin.get(picture["address"]).headers["content-type"] == "image/webp"
    assert admin.call("DELETE", f"{path}/{picture['id']}").status_code == 204
    assert admin.get(f"/api/v1{path}").json() == []
    assert admin.get(picture["address"]).status_code == 404
    assert admin.call("DELETE", f"{path}/{picture['id']}").status_code == 404


def test_one_that_a_text_shows_is_kept_and_the_answer_says_why(admin, path, factory):
    picture = upload(admin, path).json()["id"]
    with transaction(factory) as session:
        labeling = {"guidelines": f"![x](picture:{picture})"}
        studies.change_labeling(session, study_id=int(path.split("/")[2]), labeling=labeling, actor=None)
    answer = admin.call("DELETE", f"{path}/{picture}")
    assert answer.status_code == 409
    assert f"Picture {picture} is shown in the guidelines." in answer.json()["detail"]
    assert [one["id"] for one in admin.get(f"/api/v1{path}").json()] == [picture]


def test_what_is_no_picture_is_refused_by_its_name(admin, path):
    answer = upload(admin, path, b"no picture")
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"picture"})


def test_only_admins_may(researcher, annotator, path):
    for client in (researcher, annotator):
        assert upload(client, path).status_code == 403
        assert client.get(f"/api/v1{path}").status_code == 403
        assert client.call("DELETE", f"{path}/1").status_code == 403
