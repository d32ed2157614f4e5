import csv
import importlib.util
import io
import json

import pytest

from app.db import transaction
from app.models import Study
from app.services import preference_export
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


def test_parquet_has_the_columns_of_the_csv_or_says_what_to_install(researcher, study):
    answer = researcher.call("GET", f"/studies/{study.id}/preferences?format=parquet")
    if importlib.util.find_spec("pyarrow") is None:
        assert answer.status_code == 503
        assert "pyarrow" in answer.json()["detail"]
        return
    from pyarrow.parquet import read_table

    table = read_table(io.BytesIO(answer.content))
    assert table.num_rows == 5
    assert "votes_both_bad" in table.column_names


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
