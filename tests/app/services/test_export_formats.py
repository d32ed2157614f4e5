"""The formats that other tools read, read back by those tools where they can be installed."""

import csv
import io
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow.parquet import ParquetFile, read_table

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import BadInput, Conflict
from app.models import Answer, Purpose, RoundKind, UserKind
from app.services import export_files, export_formats, export_source, export_writers, samples
from app.services.export_source import Rounds, Source
from app.services.export_tables import CHOICES, PREFERENCES
from app.services.pseudonyms import pseudonym
from tests import builders

SECRET = "secret"
PICK_A_PIC_V2 = {
    "are_different": "bool",
    "best_image_uid": "string",
    "caption": "string",
    "created_at": "timestamp[ns]",
    "has_label": "bool",
    "image_0_uid": "string",
    "image_0_url": "string",
    "image_1_uid": "string",
    "image_1_url": "string",
    "jpg_0": "binary",
    "jpg_1": "binary",
    "label_0": "double",
    "label_1": "double",
    "model_0": "string",
    "model_1": "string",
    "ranking_id": "int64",
    "user_id": "int64",
    "num_example_per_prompt": "int64",
}
RAPIDATA = {
    "prompt": "string",
    "image1": "struct<bytes: binary, path: string>",
    "image2": "struct<bytes: binary, path: string>",
    "model1": "string",
    "model2": "string",
    "votes_image1": "int64",
    "votes_image2": "int64",
    "weighted_results_image1_preference": "float",
    "weighted_results_image2_preference": "float",
    "detailed_results_preference": "string",
}


class Told:
    """A study in which three people and a judge answered four pairs, and where its exports come from."""

    def __init__(self, sessions, artifacts: Artifacts) -> None:
        self.artifacts = artifacts
        self.transactions = partial(transaction, sessions)
        with self.transactions() as session:
            study = builders.study(session, name='Emoji: "quoted"', question="Which is livelier?", seed=7)
            self.study = study.id
            round_ = builders.round_(session, study_id=study.id)
            self.people = [builders.user(session) for _ in range(3)]
            judge = builders.user(session, kind=UserKind.JUDGE, handle="jpeg")
            self.pairs = [builders.pair(session, round_id=round_.id, artifacts=artifacts) for _ in range(4)]
            first, second, tie, bad = Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.BOTH_BAD
            given = [(first, second, first), (second,), (tie, tie), (bad,)]
            self.choices = [
                [
                    builders.choice(session, pair_id=pair.id, user_id=user.id, answer=answer, comment="so, „so“\n")
                    for user, answer in zip(self.people, answers, strict=False)
                ]
                for pair, answers in zip(self.pairs, given, strict=True)
            ]
            builders.choice(session, pair_id=self.pairs[1].id, user_id=judge.id, answer=first)
            repeat = builders.lease(
                session, pair_id=self.pairs[1].id, user_id=self.people[0].id, purpose=Purpose.REPEAT
            )
            builders.choice(session, lease_id=repeat.id, answer=first, reasons=["colours"], response_ms=1234)

    def source(self, rounds: Rounds = Rounds.PREFERENCE, **options) -> Source:
        with self.transactions() as session:
            about = export_source.about(session, self.study)
        return Source(self.transactions, self.artifacts, about, rounds, secret=SECRET, **options)

    def folder(self, name: str, path: Path) -> Path:
        export_files.write_folder(self.source(), export_formats.get(name), path)
        return path

    def file(self, name: str, path: Path) -> Path:
        export_files.write(self.source(), export_formats.get(name), path)
        return path

    def png(self, sample_id: int) -> bytes:
        with self.transactions() as session:
            return self.artifacts.get_bytes(samples.get(session, sample_id).image_key)


@pytest.fixture
def told(sessions, tmp_path) -> Told:
    return Told(sessions, Artifacts(str(tmp_path / "artifacts")))


def types(table: pyarrow.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


def test_pick_a_pic_has_exactly_its_columns_and_types_and_ties_apart(told, tmp_path):
    folder = told.folder("pickapic", tmp_path / "out")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [
        "README.md", "data/ties-00000.parquet", "data/train-00000.parquet",
    ]  # fmt: skip
    train, ties = (read_table(folder / f"data/{split}-00000.parquet") for split in ("train", "ties"))
    assert types(train) == types(ties) == PICK_A_PIC_V2
    assert list(types(train)) == list(PICK_A_PIC_V2)
    assert [(row["label_0"], row["label_1"]) for row in train.to_pylist()] == [(1, 0), (0, 1), (1, 0), (0, 1)]
    assert [(row["label_0"], row["label_1"]) for row in ties.to_pylist()] == [(0.5, 0.5)] * 2
    assert {row["best_image_uid"] for row in ties.to_pylist()} == {"tie"}


def test_a_row_of_pick_a_pic_holds_the_choice_and_both_pictures_as_they_were_judged(told, tmp_path):
    rows = read_table(told.folder("pickapic", tmp_path / "out") / "data/train-00000.parquet").to_pylist()
    pair, choice, person = told.pairs[0], told.choices[0][1], told.people[1]
    row = rows[1]
    assert (row["jpg_0"], row["jpg_1"]) == (told.png(pair.first_id), told.png(pair.second_id))
    assert row["best_image_uid"] == row["image_1_uid"] != row["image_0_uid"]
    assert row["ranking_id"] == choice.id
    assert row["user_id"] == int(pseudonym(SECRET, told.study, person.id).removeprefix("annotator-"), 16)
    assert row["created_at"].to_pydatetime() == choice.made_at.replace(tzinfo=None)
    assert row["caption"] == "cat face"
    assert row["has_label"] is row["are_different"] is True
    assert row["model_0"] == row["model_1"] == "Demo model"
    assert [row["num_example_per_prompt"] for row in rows] == [3, 3, 3, 1]


def test_the_reading_part_of_diffusers_train_diffusion_dpo_finds_the_winners(told, tmp_path):
    """As its `preprocess_train` does: open both, swap where `label_0` is 0; the first is the winner then."""
    rows = read_table(told.folder("pickapic", tmp_path / "out") / "data/train-00000.parquet").to_pylist()
    winners = []
    for row in rows:
        pictures = tuple(Image.open(io.BytesIO(row[name])).convert("RGB") for name in ("jpg_0", "jpg_1"))
        winners.append((pictures[::-1] if row["label_0"] == 0 else pictures)[0].tobytes())
    one, other = told.pairs[0], told.pairs[1]
    right = [one.first_id, one.second_id, one.first_id, other.second_id]
    assert winners == [Image.open(io.BytesIO(told.png(sample))).convert("RGB").tobytes() for sample in right]


def test_rapidata_has_its_columns_for_pairs_that_several_decided(told, tmp_path):
    table = read_table(told.folder("rapidata", tmp_path / "out") / "data/train-00000.parquet")
    assert types(table) == RAPIDATA
    one, tied = table.to_pylist()
    assert (one["votes_image1"], one["votes_image2"]) == (2, 1)
    assert one["weighted_results_image1_preference"] == pytest.approx(2 / 3)
    assert one["weighted_results_image1_preference"] + one["weighted_results_image2_preference"] == pytest.approx(1)
    assert (tied["votes_image1"], tied["votes_image2"], tied["weighted_results_image1_preference"]) == (0, 0, 0.5)
    assert one["image1"]["bytes"] == told.png(told.pairs[0].first_id)
    assert [said["answer"] for said in json.loads(one["detailed_results_preference"])] == ["first", "second", "first"]


READ = """
import json, sys
from datasets import load_dataset
found = {}
for folder, config in json.loads(sys.argv[1]):
    read = load_dataset(folder, config, cache_dir=sys.argv[2])
    found[f"{folder.rsplit('/', 1)[1]} {config}"] = {
        split: {"rows": len(rows), "columns": {name: repr(kind) for name, kind in rows.features.items()},
                "size": next((row[name].size for row in rows for name in ("first", "image1") if name in row), None)}
        for split, rows in read.items()
    }
print(json.dumps(found))
"""


def test_datasets_loads_the_folders_with_their_splits_and_pictures(told, tmp_path):
    """In a process of its own: `datasets` is large, and what it warns of is not ours."""
    asked = [
        (str(told.folder("pickapic", tmp_path / "pickapic")), None),
        (str(told.folder("rapidata", tmp_path / "rapidata")), None),
        (str(told.folder("dataset", tmp_path / "dataset")), None),
        (str(tmp_path / "dataset"), "choices"),
        (str(told.folder("webdataset", tmp_path / "webdataset")), None),
    ]
    command = [sys.executable, "-c", READ, json.dumps(asked), str(tmp_path / "cache")]
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    pick = found["pickapic None"]
    assert {split: told["rows"] for split, told in pick.items()} == {"train": 4, "ties": 2}
    assert pick["train"]["columns"]["jpg_0"] == "Value('binary')"
    assert pick["train"]["columns"]["created_at"] == "Value('timestamp[ns]')"
    assert pick["train"]["columns"]["label_0"] == "Value('float64')"
    rapidata = found["rapidata None"]["train"]
    assert rapidata["rows"] == 2
    assert rapidata["columns"]["image1"].startswith("Image(")
    assert rapidata["size"] == [64, 64]
    preferences = found["dataset None"]["train"]
    assert (preferences["rows"], preferences["size"]) == (4, [64, 64])
    assert set(preferences["columns"]) == {*PREFERENCES.columns, "first", "second"}
    shards = found["webdataset None"]["train"]
    assert shards["rows"] == 4
    assert {name for name, kind in shards["columns"].items() if kind.startswith("Image(")} == {
        "first.png",
        "second.png",
    }
    choices = found["dataset choices"]["train"]
    assert choices["rows"] == 9
    assert list(choices["columns"]) == list(CHOICES.columns)


def test_nothing_is_lost_between_the_rows_and_the_answers_as_parquet(told, tmp_path):
    table = read_table(told.file("choices-parquet", tmp_path / "choices.parquet"))
    rows = table.to_pylist()
    assert len(rows) == 9
    repeat = rows[-1] if rows[-1]["purpose"] == "repeat" else next(row for row in rows if row["purpose"] == "repeat")
    assert (repeat["response_ms"], repeat["reasons"], repeat["counted"]) == (1234, ["colours"], False)
    assert repeat["seed"] == 7
    first = rows[0]
    choice = told.choices[0][0]
    assert first["made_at"] == choice.made_at
    assert (first["choice"], first["lease"], first["answer"], first["comment"]) == (
        choice.id, choice.lease_id, "first", "so, „so“\n",
    )  # fmt: skip
    assert first["annotator"] == pseudonym(SECRET, told.study, told.people[0].id)
    assert {row["annotator"] for row in rows if row["by"] == "judge"} == {"jpeg"}


def test_all_file_types_of_a_table_say_the_same(told, tmp_path):
    for table, prefix in ((PREFERENCES, ""), (CHOICES, "choices-")):
        parquet = read_table(told.file(f"{prefix}parquet", tmp_path / f"{table.name}.parquet")).to_pylist()
        with told.file(f"{prefix}csv", tmp_path / f"{table.name}.csv").open(newline="") as file:
            lines = list(csv.DictReader(file))
        objects = [
            json.loads(line)
            for line in told.file(f"{prefix}jsonl", tmp_path / f"{table.name}.jsonl").read_text().splitlines()
        ]
        assert list(lines[0]) == list(parquet[0]) == list(table.columns)
        assert len(parquet) == len(lines) == len(objects)
        for name in ("pair", "prompt", "first_sha256", "seed"):
            assert [str(row[name]) for row in parquet] == [line[name] for line in lines]
            assert [row[name] for row in parquet] == [one[name] for one in objects]
    assert [datetime.fromisoformat(line["made_at"]) for line in lines] == [row["made_at"] for row in parquet]


def test_a_folder_is_told_as_a_zip_with_the_same_files(told, tmp_path):
    folder = told.folder("pickapic", tmp_path / "out")
    with zipfile.ZipFile(told.file("pickapic", tmp_path / "out.zip")) as archive:
        assert archive.testzip() is None
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert set(archive.namelist()) == names
        assert archive.read("README.md") == (folder / "README.md").read_bytes()


def test_the_card_tells_of_the_study_and_of_no_tie_split_where_nobody_tied(told, tmp_path):
    card = (told.folder("pickapic", tmp_path / "out") / "README.md").read_text()
    assert "split: ties" in card
    assert "Which is livelier?" in card
    with told.transactions() as session:
        session.delete(session.merge(told.choices[2][0]))
        session.delete(session.merge(told.choices[2][1]))
    card = (told.folder("pickapic", tmp_path / "again") / "README.md").read_text()
    assert "ties" not in card.split("---")[1]
    assert not (tmp_path / "again" / "data" / "ties-00000.parquet").exists()


def test_large_parquet_comes_in_shards_and_row_groups_of_bounded_size(told, tmp_path, monkeypatch):
    monkeypatch.setattr(export_writers, "SHARD_BYTES", 1000)
    monkeypatch.setattr(export_writers, "ROW_GROUP_BYTES", 500)
    folder = told.folder("pickapic", tmp_path / "out")
    shards = sorted((folder / "data").glob("train-*.parquet"))
    assert len(shards) > 1
    assert sum(read_table(shard).num_rows for shard in shards) == 4
    assert max(ParquetFile(shard).metadata.row_group(0).num_rows for shard in shards) <= 2


def test_tar_shards_hold_whole_pairs_with_pictures_and_answers(told, tmp_path, monkeypatch):
    monkeypatch.setattr(export_writers, "SHARD_BYTES", 1)
    folder = told.folder("webdataset", tmp_path / "out")
    shards = sorted(folder.glob("shard-*.tar"))
    assert len(shards) == 4
    with tarfile.open(shards[0]) as archive:
        key = f"{told.pairs[0].id:012}"
        members = {name: archive.extractfile(name).read() for name in archive.getnames()}
        assert list(members) == [f"{key}.first.png", f"{key}.second.png", f"{key}.json"]
        assert members[f"{key}.first.png"] == told.png(told.pairs[0].first_id)
        row = json.loads(members[f"{key}.json"])
        assert row["p"] == pytest.approx(2 / 3)
        assert [said["answer"] for said in row["choices"]] == ["first", "second", "first"]


def test_each_walk_is_told_and_the_rows_that_were_written_are_counted(told, tmp_path):
    heard = []
    source = told.source(told=heard.append)
    export_files.write(source, export_formats.get("pickapic"), tmp_path / "out.zip")
    assert heard == [4, 8, 12] == [source.count() * walk for walk in range(1, export_formats.get("pickapic").walks + 1)]
    assert source.written == 6


def test_comparisons_are_exported_only_where_they_are_asked_for(told, tmp_path):
    assert told.source(Rounds.EVALUATION).count() == 0
    assert told.source(Rounds.ALL).count() == told.source().count() == 4
    assert Rounds.ALL.kinds == tuple(RoundKind)
    export_files.write(told.source(Rounds.EVALUATION), export_formats.get("parquet"), tmp_path / "none.parquet")
    assert read_table(tmp_path / "none.parquet").num_rows == 0


def test_what_is_there_is_never_written_over_and_a_format_that_is_none_is_said(told, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(Conflict):
        told.folder("pickapic", tmp_path / "out")
    with pytest.raises(BadInput, match="Choose one of parquet, csv"):
        export_formats.get("xls")


FOLDERS = {
    "kohya": ("1_preferences/w", "1_preferences/l", "caption"),
    "simpletuner": ("win", "lose", "txt"),
    "onetrainer": ("chosen", "rejected", "txt"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_trainers_find_each_winner_its_loser_by_name_and_the_prompt_beside_both(told, tmp_path, name):
    winners, losers, caption = FOLDERS[name]
    folder = told.folder(name, tmp_path / "out")
    one, other = told.pairs[0], told.pairs[1]  # the first picture won here, the second there; ties are nowhere
    for pair, winner, loser in ((one, one.first_id, one.second_id), (other, other.second_id, other.first_id)):
        stem = f"{pair.id:012}"
        assert (folder / winners / f"{stem}.png").read_bytes() == told.png(winner)
        assert (folder / losers / f"{stem}.png").read_bytes() == told.png(loser)
        captions = {(folder / side / f"{stem}.{caption}").read_text() for side in (winners, losers)}
        assert len(captions) == 1
    for side in (winners, losers):
        assert len(list((folder / side).iterdir())) == 4
    lines = [json.loads(line) for line in (folder / "preferences.jsonl").read_text().splitlines()]
    assert [(line["pair"], line["winner"]) for line in lines] == [(one.id, one.first_id), (other.id, other.second_id)]
    assert lines[0]["choices"] == [choice.id for choice in told.choices[0]]
    assert winners in (folder / "README.md").read_text()


def test_each_trainer_finds_its_settings_beside_the_pictures(told, tmp_path):
    kohya, simple, one = (told.folder(name, tmp_path / name) for name in FOLDERS)
    subset = tomllib.loads((kohya / "dataset_config.toml").read_text())["datasets"][0]["subsets"][0]
    assert subset["preference"] is True
    assert (kohya / subset["image_dir"] / "w").is_dir()
    preferred, rejected, texts = json.loads((simple / "multidatabackend.json").read_text())
    assert preferred["conditioning_data"] == [rejected["id"]]
    assert rejected["source_dataset_id"] == preferred["id"]
    assert rejected["conditioning_type"] == "reference_strict"
    assert texts["default"] is True
    assert all((simple / each["instance_data_dir"]).is_dir() for each in (preferred, rejected))
    (concept,) = json.loads((one / "concepts.json").read_text())
    assert concept["include_subdirectories"] is True
    stem = f"{told.pairs[0].id:012}"
    for pattern in (concept["dpo_chosen_pattern"], concept["dpo_rejected_pattern"]):
        assert (one / f"{pattern.format(stem)}.png").is_file()


def test_folders_of_many_files_are_told_as_a_tar_with_the_same_files(told, tmp_path):
    folder = told.folder("kohya", tmp_path / "out")
    with tarfile.open(told.file("kohya", tmp_path / "out.tar")) as archive:
        found = {entry.name: archive.extractfile(entry).read() for entry in archive}
    assert found == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
