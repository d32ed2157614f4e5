"""The page of imports: what is uploaded or lies in the data folder, and what can be done with each."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Import, Job, JobKind, JobState, Queue, Round
from app.services import import_formats, import_run, tallies
from app.settings import Settings, activate
from app.web import import_files
from tests import builders
from tests.importing import Quiet, paper_folder, parquet_file, row

PATH = "/admin/imports"


@pytest.fixture(autouse=True)
def a_model(factory):
    with transaction(factory) as session:
        builders.base_model(session, name="Emoji model")


def only(factory) -> Import:
    with transaction(factory) as session:
        return session.scalars(select(Import)).one()


def upload(admin, files, **fields):
    form = {"csrf_token": admin.csrf_token(), "name": "Theirs", **fields}
    return admin.post(PATH, data=form, files=[("files", (name, data)) for name, data in files])


def test_imports_are_the_admins_alone(annotator, researcher, anonymous):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get(PATH).status_code == status
        assert client.submit(PATH, name="x").status_code == status


def test_an_upload_is_stored_and_asked_for(admin, factory, artifacts, tmp_path):
    data = parquet_file(tmp_path / "a.parquet", [row(1)]).read_bytes()
    answer = upload(admin, [("my pairs/../a.parquet", data), ("a.parquet", data)], leave_out_bad="true")
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    made = only(factory)
    assert [file["name"] for file in made.source["uploaded"]] == ["a.parquet", "1-a.parquet"]
    assert made.source["leave_out_bad"] is True
    assert [artifacts.get_bytes(file["key"]) for file in made.source["uploaded"]] == [data, data]
    with transaction(factory) as session:
        job = session.get_one(Job, made.job_id)
        assert (job.kind, job.queue, job.state) == (JobKind.IMPORT, Queue.CPU, JobState.WAITING)
    page = admin.get(PATH).text
    assert "Theirs" in page
    assert "waiting" in page
    assert 'hx-trigger="every 2s"' in admin.get(PATH, headers={"HX-Request": "true"}).text


def test_what_lies_in_the_data_folder_is_offered_and_nothing_else_is_taken(admin, factory, settings):
    assert "are offered here" in admin.get(PATH).text
    folder = settings.data_dir / import_formats.FOLDER
    folder.mkdir(parents=True)
    paper_folder(folder / "hands")
    assert "hands (The paper" in admin.get(PATH).text
    for wrong in ("../secret.key", "", "none"):
        answer = admin.submit(PATH, name="Theirs", place=wrong)
        assert answer.status_code == 422
        assert "Upload files, or choose" in answer.text
    assert admin.submit(PATH, name="Theirs", place="hands").status_code == 303
    assert (only(factory).format, only(factory).source["name"]) == ("paper", "hands")


def test_what_cannot_be_used_comes_back_beside_its_field_and_stores_nothing(
    admin, factory, artifacts, tmp_path, monkeypatch
):
    data = parquet_file(tmp_path / "a.parquet", [row(1)]).read_bytes()
    answer = upload(admin, [("a.pkl", b"a pickle")], question="Which one?")
    assert answer.status_code == 422
    assert "a.pkl is no Parquet file by its name" in answer.text
    assert 'value="Which one?"' in answer.text
    assert upload(admin, [("a.parquet", data)], name=" ").status_code == 422
    monkeypatch.setattr(import_files, "MOST_BYTES", 100)
    assert "put larger ones into the data folder" in upload(admin, [("a.parquet", data)]).text
    assert list(artifacts.keys("imports")) == []
    with transaction(factory) as session:
        assert session.scalars(select(Import)).all() == []


def test_one_is_stopped_goes_on_and_is_removed(admin, factory, artifacts, tmp_path):
    data = parquet_file(tmp_path / "a.parquet", [row(1)]).read_bytes()
    upload(admin, [("a.parquet", data)])
    made = only(factory)
    assert admin.submit(f"{PATH}/{made.id}/remove").status_code == 409
    assert admin.submit(f"{PATH}/{made.id}/stop").headers["location"] == PATH
    assert "stopped" in admin.get(PATH).text
    assert admin.submit(f"{PATH}/{made.id}/again").status_code == 303
    assert admin.submit(f"{PATH}/{made.id}/stop").status_code == 303
    assert admin.submit(f"{PATH}/{made.id}/end").status_code == 409
    assert admin.submit(f"{PATH}/{made.id}/remove").status_code == 303
    assert list(artifacts.keys("imports")) == []
    assert "Nothing imported yet" in admin.get(PATH).text


def test_pages_show_what_was_imported_for_what_it_is(
    admin, researcher, factory, artifacts, tmp_path, settings: Settings
):
    rows = [row(1, user_id=1), row(1, user_id=2, label_0=0.5, label_1=0.5), row(2, has_label=False)]
    path = parquet_file(tmp_path / "a.parquet", rows)
    upload(admin, [("a.parquet", path.read_bytes())])
    made = only(factory)
    with activate(settings):
        reader = import_formats.opened(import_formats.PICK_A_PIC, [path])
        import_run.run(lambda: transaction(factory), artifacts, reader, made.id, own="test-1", steps=Quiet())
    with transaction(factory) as session:
        round_ = session.scalars(select(Round)).one()
        tallies.catch_up(session)
    page = admin.get(PATH).text
    for said in ("complete", "1 pair ·", "2 choices", "1 row without a label was left out."):
        assert said in page
    of_round = admin.get(f"/admin/rounds/{round_.id}").text
    assert "Imported pairs" in of_round
    assert "nothing can be trained on them" in of_round
    assert of_round.count('class="strip__picture"') == 2
    assert "Train now" not in of_round
    study = admin.get(f"/admin/studies/{round_.study_id}").text
    assert "Imported pairs" in study
    assert "made elsewhere" in study
    assert "Outside: 1" in admin.get(f"/admin/studies/{round_.study_id}/people").text
    assert researcher.get(f"/research/studies/{round_.study_id}/agreement").status_code == 200
    assert "About 1 pairs with 2 choices" in researcher.get(f"/research/studies/{round_.study_id}/exports").text
