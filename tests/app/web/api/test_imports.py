"""Imports over the API: what the page of imports can do, and nothing beyond."""

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Import
from app.services import import_formats, import_run
from app.settings import Settings, activate
from app.web import import_files
from tests import builders
from tests.importing import Quiet, paper_folder, parquet_file, row

PATH = "/imports"


@pytest.fixture(autouse=True)
def a_model(factory):
    with transaction(factory) as session:
        builders.base_model(session, name="Emoji model")


@pytest.fixture
def parquet(tmp_path):
    rows = [row(1, user_id=1), row(1, user_id=2, label_0=0.5, label_1=0.5), row(2, has_label=False)]
    return parquet_file(tmp_path / "a.parquet", rows)


def upload(client, *files, **form):
    parts = [("files", (name, data)) for name, data in files]
    return client.call("POST", "/import-files", data={"name": "Theirs", **form}, files=parts)


def test_what_lies_in_the_data_folder_is_listed_and_imported_by_its_name(admin, factory, settings):
    assert admin.get("/api/v1/import-places").json() == []
    folder = settings.data_dir / import_formats.FOLDER
    folder.mkdir(parents=True)
    paper_folder(folder / "hands")
    (place,) = admin.get("/api/v1/import-places").json()
    assert (place["name"], place["format"]) == ("hands", "paper")
    assert place["size"] == sum(file.stat().st_size for file in (folder / "hands" / "images").iterdir())
    for wrong in ("../secret.key", "none"):
        refused = admin.call("POST", PATH, json={"place": wrong, "name": "Theirs"})
        assert refused.status_code == 422
        assert f"There is no {wrong!r}" in refused.json()["fields"]["place"]
    answer = admin.call("POST", PATH, json={"place": "hands", "name": "Theirs", "leave_out_bad": True})
    made = answer.json()
    assert answer.status_code == 201
    assert (made["format"], made["name"], made["state"], made["study"]) == ("paper", "Theirs", "waiting", None)
    assert admin.get(answer.headers["location"]).json() == made
    with transaction(factory) as session:
        assert session.scalars(select(Import)).one().source == {"name": "hands", "leave_out_bad": True}


def test_an_upload_is_read_into_a_study_and_told_as_it_goes(admin, factory, artifacts, settings: Settings, parquet):
    made = upload(admin, ("a.parquet", parquet.read_bytes()), question="Which one?", leave_out_bad="true").json()
    assert (made["rows"], made["rows_read"], made["seconds_left"]) == (0, 0, None)
    with transaction(factory) as session:
        asked = session.scalars(select(Import)).one()
        assert (asked.question, asked.source["leave_out_bad"]) == ("Which one?", True)
    with activate(settings):
        reader = import_formats.opened(import_formats.PICK_A_PIC, [parquet])
        import_run.run(lambda: transaction(factory), artifacts, reader, made["id"], own="test-1", steps=Quiet())
    now = admin.get(f"/api/v1{PATH}/{made['id']}").json()
    assert now["rows_read"] == now["rows"] > 0
    assert (now["pairs"], now["choices"]) == (1, 2)
    assert sum(now["left_out"].values()) == 1
    assert now["ended_at"] is not None
    assert admin.get(f"/api/v1/studies/{now['study']}").json()["name"] == "Theirs"
    assert admin.get(f"/api/v1/rounds/{now['round']}").json()["kind"] == "imported"
    assert admin.call("DELETE", f"{PATH}/{made['id']}").status_code == 409, "its study is archived instead"
    assert admin.call("POST", f"{PATH}/{made['id']}/end").status_code == 409


def test_one_is_stopped_goes_on_and_is_removed(admin, artifacts, parquet):
    first = upload(admin, ("a.parquet", parquet.read_bytes())).json()["id"]
    second = upload(admin, ("a.parquet", parquet.read_bytes()), name="Again").json()["id"]
    page = admin.get(f"/api/v1{PATH}", params={"limit": 1}).json()
    rest = admin.get(f"/api/v1{PATH}", params={"limit": 1, "cursor": page["next"]}).json()
    assert [one["id"] for one in page["items"] + rest["items"]] == [second, first]
    assert rest["next"] is None
    assert admin.call("DELETE", f"{PATH}/{first}").status_code == 409, "a worker may be at it"
    assert admin.call("POST", f"{PATH}/{first}/again").status_code == 409
    assert admin.call("POST", f"{PATH}/{first}/stop").json()["state"] == "cancelled"
    assert admin.call("POST", f"{PATH}/{first}/stop").status_code == 409
    assert admin.call("POST", f"{PATH}/{first}/again").json()["state"] == "waiting"
    assert admin.call("POST", f"{PATH}/{first}/stop").json()["state"] == "cancelled"
    kept = set(artifacts.keys("imports"))
    assert admin.call("DELETE", f"{PATH}/{first}").status_code == 204
    assert len(kept - set(artifacts.keys("imports"))) == 1
    assert admin.get(f"/api/v1{PATH}/{first}").status_code == 404


def test_what_cannot_be_used_says_why_and_stores_nothing(admin, factory, artifacts, parquet, monkeypatch):
    data = parquet.read_bytes()
    refused = upload(admin, ("a.pkl", b"a pickle"))
    assert refused.status_code == 422
    assert "a.pkl is no Parquet file by its name" in refused.json()["fields"]["files"]
    assert upload(admin, ("a.parquet", data), name=" ").status_code == 422
    assert upload(admin, ("a.parquet", data), base_model=10**6).status_code == 404
    assert upload(admin).status_code == 422
    monkeypatch.setattr(import_files, "MOST_BYTES", 100)
    assert "put larger ones into the data folder" in upload(admin, ("a.parquet", data)).json()["fields"]["files"]
    assert list(artifacts.keys("imports")) == []
    with transaction(factory) as session:
        assert session.scalars(select(Import)).all() == []


def test_imports_are_the_admins_alone(researcher, annotator, parquet):
    for client in (researcher, annotator):
        assert client.get(f"/api/v1{PATH}").status_code == 403
        assert upload(client, ("a.parquet", parquet.read_bytes())).status_code == 403
