import csv
import io
import json
import sys

import pytest
from pyarrow.parquet import read_table

from app.db import transaction
from app.models import Study
from app.services import preference_export
from app.services.export_tables import CHOICES
from tests import builders, scenes
from tests.comparisons import ONE, checkpoint, comparison, judged


@pytest.fixture
def study(factory) -> Study:
    """A study in which five of eight pairs are answered."""
    with transaction(factory) as session:
        study = builders.study(session)
        scenes.labeling_round(session, study, pairs=8, closed=5)
        return study


def test_json_lines_hold_every_answered_pair_with_its_choices(researcher, study):
    answer = researcher.call("GET", f"/studies/{study.id}/preferences")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-disposition"].endswith('-preferences.jsonl"')
    assert len(rows) == 5
    assert {row["p"] for row in rows} <= {0.0, 0.5, 1.0, None}
    assert all(len(row["choices"]) == 1 and row["choices"][0]["counted"] for row in rows)


def test_csv_has_one_line_a_pair_and_the_counts_behind_p(researcher, study):
    answer = researcher.call("GET", f"/studies/{study.id}/preferences?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 5
    for row in rows:
        said = {name: int(row[f"votes_{name}"]) for name in ("first", "second", "tie", "both_bad")}
        assert sum(said.values()) == 1
        assert row["p"] == ("" if said["both_bad"] else str(said["first"] + said["tie"] / 2))


def test_parquet_has_the_columns_of_the_csv(researcher, study):
    header = researcher.call("GET", f"/studies/{study.id}/preferences?format=csv").text.splitlines()[0]
    answer = researcher.call("GET", f"/studies/{study.id}/preferences?format=parquet")
    table = read_table(io.BytesIO(answer.content))
    assert table.num_rows == 5
    assert table.column_names == header.split(",")


def test_without_pyarrow_parquet_says_what_to_install(researcher, study, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = researcher.call("GET", f"/studies/{study.id}/preferences?format=parquet")
    assert answer.status_code == 503
    assert "tastemaker[parquet]" in answer.json()["detail"] + answer.json()["remedy"]


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_every_answer_is_a_row_where_answers_are_asked_for(researcher, study, format_):
    answer = researcher.call("GET", f"/studies/{study.id}/preferences?table=choices&format={format_}")
    assert answer.headers["content-disposition"].endswith(f'-choices.{format_}"')
    rows = {
        "jsonl": lambda: [json.loads(line) for line in answer.text.splitlines()],
        "csv": lambda: list(csv.DictReader(io.StringIO(answer.text))),
        "parquet": lambda: read_table(io.BytesIO(answer.content)).to_pylist(),
    }[format_]()
    assert len(rows) == 5
    assert all(list(row) == list(CHOICES.columns) for row in rows)
    assert all(str(row["annotator"]).startswith("annotator-") for row in rows)
    assert {str(row["response_ms"]) for row in rows} == {"900"}


def test_batches_follow_each_other_without_gap(researcher, study, monkeypatch):
    rows = preference_rows(researcher, study)
    monkeypatch.setitem(preference_export.rows.__kwdefaults__, "limit", 2)
    assert preference_rows(researcher, study) == rows


def preference_rows(client, study) -> list[str]:
    return client.call("GET", f"/studies/{study.id}/preferences").text.splitlines()


def test_only_researchers_get_them_and_only_of_a_study_that_is_there(researcher, annotator, study):
    assert annotator.call("GET", f"/studies/{study.id}/preferences").status_code == 403
    assert researcher.call("GET", "/studies/999/preferences").status_code == 404
    assert researcher.call("GET", f"/studies/{study.id}/preferences?format=xml").status_code == 422


def test_pairs_of_comparisons_are_told_only_where_they_are_asked_for(researcher, factory, study):
    with transaction(factory) as session:
        round_ = comparison(session, study, checkpoint(session, study).id, None)
        pair = judged(session, round_, ONE)

    def pairs(query: str) -> list[int]:
        told = researcher.call("GET", f"/studies/{study.id}/preferences{query}").text
        return [json.loads(line)["pair"] for line in told.splitlines()]

    assert pairs("?kind=evaluation") == [pair.id]
    assert pair.id not in pairs("")
    assert len(pairs("")) == 5
    assert sorted(pairs("?kind=all")) == sorted([*pairs(""), pair.id])
