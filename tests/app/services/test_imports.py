"""Imports from their files to their end: what comes out is what went in, nothing twice, nothing half."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow.parquet import read_table
from sqlalchemy import func, select

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import BadInput, Conflict, Refused
from app.models import (
    Answer,
    Choice,
    Group,
    Import,
    ImportedSample,
    Pair,
    PairState,
    Prompt,
    Round,
    RoundKind,
    RoundState,
    RoundTotals,
    Sample,
    Split,
    Study,
    User,
)
from app.services import (
    accounts,
    agreement,
    export_files,
    export_formats,
    export_source,
    gold,
    import_formats,
    imports,
    judge_agreement,
    judges,
    participations,
    people,
    preference_export,
    quality,
    round_moves,
    sweep,
    tallies,
    unnamed,
)
from app.services.export_source import Rounds
from app.settings import Settings, activate
from tests import builders
from tests.importing import Quiet, begun, choices_of, encoded, paper_folder, parquet_file, png, read, row

SECRET = "a secret of the tests"
PICK, PAPER = import_formats.PICK_A_PIC, import_formats.PAPER


@pytest.fixture
def artifacts(settings: Settings) -> Iterator[Artifacts]:
    with activate(settings):
        yield Artifacts(settings.artifacts)


def said_by_three(artifacts: Artifacts) -> int:
    """A study of our own in which three people answered four pairs, differently; its id."""
    with transaction() as session:
        study = builders.study(session, name="Ours")
        round_ = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
        everyone = [builders.user(session) for _ in range(3)]
        for number in range(4):
            pair = builders.pair(session, round_id=round_.id, artifacts=artifacts, state=PairState.CLOSED)
            answers = [Answer.FIRST, Answer.SECOND, Answer.TIE, Answer.FIRST, Answer.TIE]
            for person, answer in zip(everyone, answers[number % 3 :], strict=False):
                at = builders.now() - timedelta(days=number)
                lease = builders.lease(session, pair_id=pair.id, user_id=person.id)
                builders.choice(session, lease_id=lease.id, answer=answer, made_at=at)
        return study.id


def exported(artifacts: Artifacts, study_id: int, folder: Path) -> list[dict[str, Any]]:
    """The study as Pick-a-Pic's files in `folder`, and all their rows."""
    with transaction() as session:
        about = export_source.about(session, study_id)
    source = export_source.Source(transaction, artifacts, about, Rounds.PREFERENCE, secret=SECRET)
    export_files.write_folder(source, export_formats.get("pickapic"), folder)
    return [one for path in sorted(folder.rglob("*.parquet")) for one in read_table(path).to_pylist()]


def test_what_we_exported_comes_out_as_it_went_in(artifacts: Artifacts, tmp_path: Path) -> None:
    went_in = exported(artifacts, said_by_three(artifacts), tmp_path / "ours")
    assert {one["label_0"] for one in went_in} == {0.0, 0.5, 1.0}
    came_out = exported(artifacts, read(artifacts, PICK, [tmp_path / "ours"]), tmp_path / "theirs")
    told = (
        "caption", "jpg_0", "jpg_1", "label_0", "label_1", "created_at", "model_0", "model_1", "image_0_uid",
        "image_1_uid", "best_image_uid", "are_different", "has_label",
    )  # fmt: skip

    def sorted_rows(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted(tuple(one[name] for name in told) for one in rows)

    assert len(went_in) == 12
    assert sorted_rows(came_out) == sorted_rows(went_in)
    assert len({one["user_id"] for one in came_out}) == 3
    ours, theirs = ((tmp_path / name / "README.md").read_text() for name in ("ours", "theirs"))
    assert "made\nelsewhere" in theirs
    assert "elsewhere" not in ours


def test_an_import_is_a_study_with_one_complete_round_that_offers_no_move(artifacts: Artifacts, tmp_path: Path) -> None:
    steps = Quiet()
    path = parquet_file(tmp_path / "a.parquet", [row(number) for number in range(5)])
    study_id = read(artifacts, PICK, [path], steps=steps)
    with transaction() as session:
        study = session.get_one(Study, study_id)
        round_ = session.scalars(select(Round).where(Round.study_id == study_id)).one()
        assert (study.name, study.question) == ("From elsewhere", "Which picture is better?")
        assert (round_.kind, round_.number, round_.state, round_.groups) == (
            RoundKind.IMPORTED, 1, RoundState.COMPLETE, 5,
        )  # fmt: skip
        assert round_moves.allowed(round_) == set()
        totals = session.get_one(RoundTotals, round_.id)
        assert (totals.pairs, totals.pairs_closed, totals.choices, totals.groups_drawn) == (5, 5, 5, 5)
        line = imports.lines(session)[0]
        assert (line.study_id, line.pairs, line.choices, line.is_whole, line.left_out) == (study_id, 5, 5, True, {})
        with pytest.raises(Conflict):
            round_moves.cancel(session, round_id=round_.id, actor=None)
    assert steps.heard[0][0] == "hashed"
    assert ("checked", 5, 5) in steps.heard
    assert steps.heard[-1] == ("written", 5, 5)


def test_the_sweep_leaves_an_import_alone_that_is_being_read(
    artifacts: Artifacts, tmp_path: Path, settings: Settings
) -> None:
    class Sweeping(Quiet):
        def written(self, done: int, total: int) -> None:
            sweep.sweep()
            with transaction() as session:
                states.append(session.scalars(select(Round.state)).one())

    states: list[RoundState] = []
    path = parquet_file(tmp_path / "a.parquet", [row(number) for number in range(20)])
    read(artifacts, PICK, [path], steps=Sweeping())
    assert states == [RoundState.GENERATING] * 3


def test_pictures_that_are_no_png_keep_their_pixels_and_each_is_kept_once(artifacts: Artifacts, tmp_path: Path) -> None:
    same = encoded(1, "JPEG")
    rows = [
        row(0, caption="a cat", jpg_0=same, jpg_1=png(2), user_id=1),
        row(0, caption="a cat", jpg_0=png(3), jpg_1=same, user_id=1),
    ]
    study_id = read(artifacts, PICK, [parquet_file(tmp_path / "a.parquet", rows)])
    with transaction() as session:
        samples = session.execute(
            select(Sample, ImportedSample)
            .join(ImportedSample, ImportedSample.sample_id == Sample.id)
            .join(Group, Group.id == Sample.group_id)
            .where(Group.study_id == study_id)
            .order_by(Sample.number)
        ).all()
        assert len(samples) == 3
        jpeg, plain = samples[0], samples[1]
        assert artifacts.get_bytes(jpeg[0].image_key, jpeg[0].image_sha256).startswith(b"\x89PNG")
        assert artifacts.get_bytes(plain[0].image_key) == png(2)
        assert artifacts.get_bytes(jpeg[0].webp_key, jpeg[0].webp_sha256)[8:12] == b"WEBP"
        assert [one.model for _, one in samples] == ["one", "other", "one"]


def test_answers_follow_the_pictures_whichever_comes_first(artifacts: Artifacts, tmp_path: Path) -> None:
    one, other = png(1), png(2)
    rows = [
        row(0, caption="a cat", jpg_0=one, jpg_1=other, label_0=1.0, label_1=0.0, user_id=1),
        row(0, caption="a cat", jpg_0=other, jpg_1=one, label_0=1.0, label_1=0.0, user_id=2),
        row(0, caption="a cat", jpg_0=other, jpg_1=one, label_0=0.5, label_1=0.5, user_id=3),
        row(0, caption="a cat", jpg_0=other, jpg_1=one, label_0=1.0, label_1=0.0, user_id=1),
        row(0, caption="a cat", jpg_0=one, jpg_1=one, user_id=1),
        row(0, caption="a dog", has_label=False, label_0=0.0, label_1=0.0),
    ]
    study_id = read(artifacts, PICK, [parquet_file(tmp_path / "a.parquet", rows)])
    with transaction() as session:
        assert [choice.answer for choice in choices_of(session, study_id)] == [Answer.FIRST, Answer.SECOND, Answer.TIE]
        pair = session.scalars(select(Pair)).one()
        assert (pair.state, pair.filled) == (PairState.CLOSED, 3)
        line = imports.lines(session)[0]
        assert line.left_out == {"said_before": 1, "same_picture": 1, "no_label": 1}


def test_the_same_files_are_imported_once_under_a_name_and_again_under_another(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    path = parquet_file(tmp_path / "a.parquet", [row(number) for number in range(3)])
    first = read(artifacts, PICK, [path])
    with pytest.raises(Refused) as refused:
        read(artifacts, PICK, [path])
    assert f"study {first}" in str(refused.value)
    assert read(artifacts, PICK, [path], name="Another") != first
    with transaction() as session:
        assert session.scalar(select(func.count(Choice.id))) == 6


def test_one_that_is_broken_off_goes_on_where_it_was(artifacts: Artifacts, tmp_path: Path) -> None:
    class Stopped(Quiet):
        def written(self, done: int, total: int) -> None:
            if done >= 16:
                raise KeyboardInterrupt

    paths = [
        parquet_file(tmp_path / "a.parquet", [row(number, user_id=number % 3) for number in range(20)], row_group=7),
        parquet_file(tmp_path / "b.parquet", [row(number, user_id=5) for number in range(10, 31)], row_group=5),
    ]
    import_id = begun(PICK)
    with pytest.raises(KeyboardInterrupt):
        read(artifacts, PICK, paths, import_id=import_id, steps=Stopped())
    with transaction() as session:
        half = session.get_one(Import, import_id)
        assert (half.position, half.total, half.ended_at) == (16, 41, None)
        assert len(choices_of(session, half.study_id or 0)) == 16
    study_id = read(artifacts, PICK, paths, import_id=import_id, own="test-2")
    with transaction() as session:
        assert len(choices_of(session, study_id)) == 41
        pictures = session.scalar(select(func.count(ImportedSample.sample_id)))
        assert pictures == 2 * 31  # prompts 10 to 19 stand in both files
        assert session.get_one(Import, import_id).ended_at is not None
        assert session.scalar(select(func.count(User.id)).where(User.import_id == import_id)) == 4


def test_files_that_changed_meanwhile_are_not_gone_on_with(artifacts: Artifacts, tmp_path: Path) -> None:
    class Stopped(Quiet):
        def written(self, done: int, total: int) -> None:
            raise KeyboardInterrupt

    path = parquet_file(tmp_path / "a.parquet", [row(1)])
    import_id = begun(PICK)
    with pytest.raises(KeyboardInterrupt):
        read(artifacts, PICK, [path], import_id=import_id, steps=Stopped())
    parquet_file(path, [row(2)])
    with pytest.raises(Refused, match="not those that import"):
        read(artifacts, PICK, [path], import_id=import_id, own="test-2")


def test_two_at_once_do_not_read_the_same_rows(artifacts: Artifacts, tmp_path: Path) -> None:
    class Overtaken(Quiet):
        def written(self, done: int, total: int) -> None:
            if done == 0 and not overtaken:
                overtaken.append(True)
                read(artifacts, PICK, [path], import_id=import_id, own="test-2")

    overtaken: list[bool] = []
    path = parquet_file(tmp_path / "a.parquet", [row(number) for number in range(3)])
    import_id = begun(PICK)
    with pytest.raises(Conflict, match="somebody else"):
        read(artifacts, PICK, [path], import_id=import_id, steps=Overtaken())
    with transaction() as session:
        assert session.scalar(select(func.count(Choice.id))) == 3
    assert not [key for key in artifacts.keys("studies") if "/test-1/" in key]


def test_bad_rows_are_told_and_leave_nothing_behind_or_are_left_out(artifacts: Artifacts, tmp_path: Path) -> None:
    rows = [row(number) for number in range(6)]
    rows[2]["jpg_1"] = b"no picture"
    rows[4] |= {"label_0": 0.7, "label_1": 0.3}
    path = parquet_file(tmp_path / "train.parquet", rows)
    import_id = begun(PICK)
    with pytest.raises(BadInput) as refused:
        read(artifacts, PICK, [path], import_id=import_id)
    said = str(refused.value)
    assert "2 of 6 rows" in said
    assert "train.parquet, row 3: picture 1 is no PNG, JPEG or WebP that can be decoded" in said
    assert "train.parquet, row 5: label_0 is 0.7, not 0, 0.5 or 1" in said
    with transaction() as session:
        for table in (Study, Round, Choice, Sample):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        imports.remove(session, artifacts, import_id=import_id, actor=None)
    assert list(artifacts.keys()) == []
    study_id = read(artifacts, PICK, [path], leave_out_bad=True)
    with transaction() as session:
        assert len(choices_of(session, study_id)) == 4
        assert imports.lines(session)[0].left_out == {"bad": 2}


def test_files_in_which_nothing_can_be_used_are_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "a.parquet", [row(1, has_label=False)])
    with pytest.raises(BadInput, match="nothing to import"):
        read(artifacts, PICK, [path])


def test_the_papers_folder_gives_every_two_pictures_of_a_prompt(artifacts: Artifacts, tmp_path: Path) -> None:
    scores = {"ada": [[1, 0, -1], [1, 1, -1], [0, 0, 0]], "grace": [[-1, 0, 1], [1, 1, -1], [1, -1, -1]]}
    folder = paper_folder(tmp_path / "run", [["1 hand", "a cat"], ["1 hand"]], scores=scores)
    (folder / "sample.pkl").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    study_id = read(artifacts, PAPER, [folder])
    with transaction() as session:
        assert session.scalar(select(func.count(Pair.id))) == 9
        rows = session.execute(
            select(User.display_name, Group.number, Choice.answer)
            .join(Choice, Choice.user_id == User.id)
            .join(Pair, Pair.id == Choice.pair_id)
            .join(Group, Group.id == Pair.group_id)
            .order_by(User.display_name, Pair.id)
        ).all()
        ada = [answer.value for name, _, answer in rows if name.endswith("ada")]
        assert ada == ["first"] * 3 + ["tie", "first", "first"] + ["tie"] * 3
        grace = [answer.value for name, number, answer in rows if name.endswith("grace") and number == 2]
        assert grace == ["first", "first", "tie"]
        assert imports.lines(session)[0].left_out == {"pickle": 1}
        prompts = session.execute(
            select(Prompt.text, Prompt.split)
            .join(Study, Study.prompt_set_id == Prompt.prompt_set_id)
            .where(Study.id == study_id)
            .order_by(Prompt.number)
        ).all()
        assert prompts == [("1 hand", Split.BOTH), ("a cat", Split.BOTH)]
        first = session.scalars(select(ImportedSample).order_by(ImportedSample.sample_id)).first()
        assert first is not None
        assert artifacts.get_bytes(session.get_one(Sample, first.sample_id).image_key) == png(0)


def test_who_was_imported_is_nobody_that_signs_in_or_is_listed(artifacts: Artifacts, tmp_path: Path) -> None:
    read(artifacts, PICK, [parquet_file(tmp_path / "a.parquet", [row(1, user_id=4711)])])
    with transaction() as session:
        outside = session.scalars(select(User).where(User.import_id.is_not(None))).one()
        assert outside.display_name == "Outside: 4711"
        assert outside.disabled_at is not None
        assert outside.id not in {line.id for line in people.lines(session)}
        assert outside not in accounts.people(session)
        assert accounts.by_name(session, outside.handle) is None
        with pytest.raises(Exception, match="There is no person"):
            people.enable(session, user=people.get(session, outside.id), actor=None)


def test_people_and_judges_agree_on_imported_pairs_and_gold_is_found_among_them(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    rows = [row(number, user_id=person) for number in range(3) for person in range(4)]
    study_id = read(artifacts, PICK, [parquet_file(tmp_path / "a.parquet", rows)])
    with transaction() as session:
        judges.know(session, name="size", unit="kB", larger_is_better=True)
        values = {sample: float(-sample) for sample in session.scalars(select(Sample.id))}
        judges.score(session, judge="size", values=values)
        tallies.catch_up(session)
        round_ = session.scalars(select(Round)).one()
        assert agreement.patterns(session, Round.id == round_.id)
        (line,) = judge_agreement.of_study(session, study_id)
        assert line.judge == "size"
        asked = builders.user(session)
        known = gold.unseen(
            session, study_id=study_id, user=asked, offered=["first", "second"], count=2, without=set(), seed="s"
        )
        assert [one.answer for one in known] == [Answer.FIRST, Answer.FIRST]
        everyone = quality.of_study(session, study_id).annotators
        assert [annotator.counts.choices for annotator, _ in everyone] == [3] * 4
        participations.leave_out(session, study_id=study_id, user_id=everyone[0][0].user_id, actor=None)
        rest = preference_export.rows(session, study_id, secret=SECRET)
        assert [sum(one.votes.values()) for one in rest] == [3] * 3


def test_what_no_row_names_is_found_by_the_clean_up_and_nothing_else(artifacts: Artifacts, tmp_path: Path) -> None:
    study_id = read(artifacts, PICK, [parquet_file(tmp_path / "a.parquet", [row(1)])])
    lost = f"studies/{study_id}/imported/9-1/0-0.png"
    artifacts.put_bytes(lost, b"left behind")
    later = builders.now() + timedelta(days=2)
    with transaction() as session:
        folders = unnamed.folders(session, study_id)
        found = [
            key
            for folder, number in folders
            for key, _ in unnamed.find(artifacts, folder, unnamed.named(session, study_id, number), set(), now=later)
        ]
    assert found == [lost]


def test_one_that_will_not_go_on_ends_with_what_is_read(artifacts: Artifacts, tmp_path: Path) -> None:
    class Stopped(Quiet):
        def written(self, done: int, total: int) -> None:
            if done:
                raise KeyboardInterrupt

    path = parquet_file(tmp_path / "a.parquet", [row(number) for number in range(30)])
    import_id = begun(PICK)
    with pytest.raises(KeyboardInterrupt):
        read(artifacts, PICK, [path], import_id=import_id, steps=Stopped())
    with transaction() as session:
        with pytest.raises(Conflict, match="has made a study"):
            imports.remove(session, artifacts, import_id=import_id, actor=None)
        imports.end_here(session, artifacts, import_id=import_id, actor=None)
        line = imports.line(session, import_id)
        assert (line.pairs, line.is_whole) == (16, False)
        assert session.scalars(select(Round.state)).one() is RoundState.COMPLETE
