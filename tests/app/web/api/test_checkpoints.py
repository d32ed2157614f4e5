import hashlib
import io
import zipfile

import pytest

from app.db import transaction
from app.models import Checkpoint, Study, TrainingRun
from tests import builders, scenes


@pytest.fixture
def made(factory, artifacts) -> Checkpoint:
    with transaction(factory) as session:
        return scenes.checkpoint(session, builders.study(session, name="Demo: emoji"), draws=1, artifacts=artifacts)


def test_checkpoints_are_listed_by_cursor_and_by_study(researcher, factory, made):
    with transaction(factory) as session:
        other = scenes.checkpoint(session, builders.study(session), draws=1)
    first = researcher.call("GET", "/checkpoints?limit=1").json()
    second = researcher.call("GET", f"/checkpoints?limit=1&cursor={first['next']}").json()
    assert [page["items"][0]["id"] for page in (first, second)] == [other.id, made.id]
    assert second["next"] is None
    of_study = researcher.call("GET", f"/checkpoints?study={made.study_id}").json()
    assert [item["id"] for item in of_study["items"]] == [made.id]


def test_a_checkpoint_is_described_with_all_that_went_into_it(researcher, made):
    shown = researcher.call("GET", f"/checkpoints/{made.id}").json()
    assert (shown["number"], shown["parent"], shown["pairs"], shown["is_current"]) == (1, None, 40, True)
    assert [file["format"] for file in shown["files"]] == ["diffusers", "kohya", "peft"]
    assert shown["provenance"]["code"]["diffusers"] == "0.42.1"
    assert len(shown["scores"]) == 2
    assert shown["training"]["rank"] == 4


@pytest.mark.parametrize(
    ("format_", "ending"), [("diffusers", "safetensors"), ("kohya", "safetensors"), ("peft", "zip")]
)
def test_each_form_is_downloaded_whole_with_its_hash_as_etag(researcher, made, format_, ending):
    answer = researcher.call("GET", f"/checkpoints/{made.id}/download?format={format_}")
    sha256 = hashlib.sha256(answer.content).hexdigest()
    assert (answer.status_code, sha256) == (200, made.files[format_]["sha256"])
    assert answer.headers["etag"] == f'"{sha256}"'
    assert answer.headers["content-disposition"] == f'attachment; filename="demo-emoji-1-{format_}.{ending}"'


def test_a_download_that_broke_off_goes_on(researcher, made):
    whole = researcher.get(f"/api/v1/checkpoints/{made.id}/download").content
    rest = researcher.get(f"/api/v1/checkpoints/{made.id}/download", headers={"Range": "bytes=100-"})
    assert (rest.status_code, rest.content) == (206, whole[100:])


def test_where_it_comes_from_is_one_file(researcher, made):
    answer = researcher.call("GET", f"/checkpoints/{made.id}/provenance")
    assert answer.headers["content-disposition"] == 'attachment; filename="demo-emoji-1-provenance.json"'
    told = answer.json()
    assert (told["schema"], told["checkpoint"]["number"], len(told["pairs"])) == ("tastemaker.provenance/1", 1, 40)
    assert told["checkpoint"]["files"]["kohya"]["sha256"] == made.files["kohya"]["sha256"]
    assert told["machine"]["device"] == "cpu, 2 threads"


def test_annotators_get_nothing_and_what_is_not_there_is_not_found(annotator, anonymous, researcher, made):
    for path in (
        "/checkpoints",
        f"/checkpoints/{made.id}",
        f"/checkpoints/{made.id}/download",
        f"/checkpoints/{made.id}/provenance",
    ):
        assert annotator.call("GET", path).status_code == 403
        assert anonymous.call("GET", path).status_code == 401
    assert researcher.call("GET", "/checkpoints/999").status_code == 404
    assert researcher.call("GET", f"/checkpoints/{made.id}/download?format=ckpt").status_code == 422


def test_a_file_that_is_gone_is_said_in_problem_details(researcher, made, artifacts):
    artifacts.delete(made.files["kohya"]["key"])
    gone = researcher.call("GET", f"/checkpoints/{made.id}/download?format=kohya")
    assert gone.status_code == 404
    assert "is not there" in gone.json()["detail"]


def test_the_model_card_comes_alone_and_with_each_form(researcher, made):
    card = researcher.call("GET", f"/checkpoints/{made.id}/card")
    assert card.headers["content-type"].startswith("text/markdown")
    assert card.headers["content-disposition"] == 'attachment; filename="demo-emoji-1-README.md"'
    for format_ in ("diffusers", "kohya", "peft"):
        answer = researcher.call("GET", f"/checkpoints/{made.id}/folder?format={format_}")
        assert answer.headers["content-disposition"] == f'attachment; filename="demo-emoji-1-{format_}-folder.zip"'
        with zipfile.ZipFile(io.BytesIO(answer.content)) as folder:
            text = folder.read("README.md").decode()
            assert ("PeftModel" in text) == (format_ == "peft")
            assert {"provenance.json", "images/0.webp", "images/0-base.webp"} <= set(folder.namelist())
    assert card.text.startswith("---\n")


def test_checkpoints_are_found_by_round_and_by_what_is_current(researcher, factory, made):
    with transaction(factory) as session:
        study = session.get_one(Study, made.study_id)
        later = scenes.checkpoint(session, study, parent=made, draws=1)
        run = session.get_one(TrainingRun, made.training_run_id)
    found = researcher.call("GET", f"/checkpoints?round={run.round_id}").json()["items"]
    assert [item["id"] for item in found] == [made.id]
    found = researcher.call("GET", f"/checkpoints?study={study.id}&current=true").json()["items"]
    assert [item["id"] for item in found] == [later.id]
