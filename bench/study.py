"""A study in labeling for a benchmark: rows by the thousand, written by the database itself, and people to answer."""

from secrets import token_hex

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models import (
    BaseModel,
    ModelFamily,
    Prompt,
    PromptSet,
    Role,
    Round,
    RoundKind,
    RoundState,
    RoundTotals,
    Split,
    Study,
    User,
)
from app.services import accounts
from app.study_settings import StudySettings

PROMPTS = ("cat face", "3d red apple", "fish on blue", "flat hamburger")
NO_FILE = "0" * 64


def make_study(session: Session, *, pairs: int, size: int, choices_per_pair: int) -> Round:
    """A study whose first round waits for choices on `pairs` pairs of pictures of `size` pixels.

    `picture_key` names the file of each picture; none is written here.
    """
    study = _study(session, choices_per_pair)
    round_ = Round(
        study_id=study.id, kind=RoundKind.PREFERENCE, number=1, state=RoundState.LABELING, settings=study.settings,
        groups=pairs,
    )  # fmt: skip
    session.add(round_)
    session.flush()
    session.add(RoundTotals(round_id=round_.id, pairs=pairs, groups_drawn=pairs))
    session.flush()
    values = {"study": study.id, "round": round_.id, "pairs": pairs, "size": size, "sha256": NO_FILE}
    for statement in ROWS:
        session.execute(text(statement), values)
    for table in ("groups", "samples", "pairs"):
        session.execute(text(f"ANALYZE {table}"))
    return round_


def picture_key(group: int, sample: int) -> str:
    """The key of the picture that browsers get of one sample of group number `group`."""
    return f"bench/{group}-{sample}.webp"


def make_people(session: Session, count: int) -> dict[str, User]:
    """Annotators, each by the token of an open session."""
    people = [accounts.add(session, handle=f"annotator {n}", role=Role.ANNOTATOR, actor=None) for n in range(count)]
    session.flush()
    return {accounts.open_session(session, user=person): person for person in people}


def _study(session: Session, choices_per_pair: int) -> Study:
    model = BaseModel(
        name="Nothing is drawn", source=f"/nowhere/{token_hex(8)}", family=ModelFamily.SD1,
        prediction_type="epsilon", token_limit=77, image_size=512, files={}, files_sha256=NO_FILE,
    )  # fmt: skip
    prompts = PromptSet(name=f"Benchmark {token_hex(8)}", version=1, sha256=NO_FILE)
    session.add_all([model, prompts])
    session.flush()
    session.add_all(
        Prompt(prompt_set_id=prompts.id, number=number, text=words, split=Split.TRAIN)
        for number, words in enumerate(PROMPTS)
    )
    settings = StudySettings.model_validate({"labeling": {"choices_per_pair": choices_per_pair}})
    study = Study(
        name="Benchmark", question="Which picture is better?", base_model_id=model.id, prompt_set_id=prompts.id, seed=0,
        settings=settings.model_dump(), preset="demo", preset_sha256=NO_FILE,
    )  # fmt: skip
    session.add(study)
    session.flush()
    return study


GROUPS = """
    INSERT INTO groups (study_id, round_id, prompt_id, number)
    SELECT :study, :round, known.ids[1 + number % array_length(known.ids, 1)], number
    FROM generate_series(0, :pairs - 1) AS number,
         (SELECT array_agg(prompts.id) AS ids FROM prompts
          JOIN studies USING (prompt_set_id) WHERE studies.id = :study) AS known
    ORDER BY number
"""
SAMPLES = """
    INSERT INTO samples (group_id, number, state, width, height, image_key, image_sha256, image_size,
                         webp_key, webp_sha256, webp_size)
    SELECT groups.id, sample, 'ready', :size, :size, 'none', :sha256, 0,
           'bench/' || groups.number || '-' || sample || '.webp', :sha256, 0
    FROM groups, generate_series(0, 1) AS sample WHERE round_id = :round ORDER BY groups.id, sample
"""
PAIRS = """
    INSERT INTO pairs (round_id, group_id, first_id, second_id, state, filled, skipped, alike)
    SELECT :round, groups.id, first.id, second.id, 'open', 0, 0, false
    FROM groups
    JOIN samples AS first ON first.group_id = groups.id AND first.number = 0
    JOIN samples AS second ON second.group_id = groups.id AND second.number = 1
    WHERE groups.round_id = :round ORDER BY groups.id
"""
ROWS = (GROUPS, SAMPLES, PAIRS)
