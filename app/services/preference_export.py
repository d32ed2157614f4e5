"""Preference data for researchers: every pair of a study with what people said of it, as the stored rows have it.

Annotators are told of by pseudonym alone. What someone said who is left out of the study, or who took their consent
back, is in no export.
"""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session, aliased

from app.models import (
    Checkpoint,
    Choice,
    Consent,
    Group,
    ImportedSample,
    Lease,
    Pair,
    Prompt,
    Purpose,
    Round,
    RoundKind,
    Sample,
    Study,
    User,
    UserKind,
)
from app.models.base import fixed, ids
from app.services import preferences
from app.services.pseudonyms import told_as
from app.study_settings import LabelingSettings

BATCH = 2000
KINDS = (RoundKind.PREFERENCE, RoundKind.IMPORTED)  # what a model may learn from
COUNTED_BY_DEFAULT = LabelingSettings().counted


class Said(NamedTuple):
    """One answer. `annotator` is a pseudonym, of a judge its name. `counted`: it speaks for its pair by the round's
    settings; `late`: after the freeze; `extra`: on a pair that was full. `expected` is what was known beforehand of a
    warm-up or gold pair; an answer that was taken back has `undone_at`, and counts nowhere. `by`, `purpose`, `answer`
    and `expected` are words of their enums."""

    choice: int
    annotator: str
    by: str
    purpose: str
    answer: str
    counted: bool
    late: bool
    extra: bool
    response_ms: int | None
    reasons: list[str]
    comment: str
    lease: int
    first_on_left: bool
    expected: str | None
    shown_at: datetime
    made_at: datetime
    undone_at: datetime | None


class PreferenceRow(NamedTuple):
    """One pair. `p` is the probability that `first` is better by its counted choices (none: they say nothing).

    `seed` is the study's, by which with the numbers of round, group and sample the noise is drawn again; a comparison's
    pictures are drawn by prompt number and draw instead. `first_policy` is the number of the checkpoint that drew (0:
    the base). A pair that was imported (`round_kind`) was drawn elsewhere: no seed, number or policy draws it again.
    Its models are what its files say drew it. They and the pictures' keys are for those who write pictures, and not
    told here. A tuple, as it comes from the
    database: there are millions.
    """

    study: int
    round: int
    round_kind: str
    round_number: int
    pair: int
    group: int
    prompt: str
    prompt_number: int
    seed: int
    draw: int | None
    sampler: str | None
    first_sample: int
    second_sample: int
    first_number: int
    second_number: int
    first_policy: int
    second_policy: int
    first_sha256: str
    second_sha256: str
    p: float | None
    weight: float
    votes: dict[str, int]
    choices: list[Said]
    first_key: str
    second_key: str
    first_model: str | None
    second_model: str | None


FACTS = PreferenceRow._fields.index("p")  # so many fields stand before what people said


def rows(
    session: Session, study_id: int, *, secret: str, kinds: Collection[RoundKind] = KINDS,
    after: int = 0, limit: int = BATCH,
) -> list[PreferenceRow]:  # fmt: skip
    """The pairs of the study's rounds of these kinds that anyone has answered, by pair id, those beyond `after`. Two
    queries. Pairs of comparisons are not what a model learns from, so they are not among them unless asked for.
    `secret` is the settings' own, by which pseudonyms are drawn."""
    batch = (
        _answered(study_id, kinds)
        .where(Pair.id > bindparam("after", type_=BigInteger))
        .order_by(Pair.id)
        .limit(fixed(limit, Pair.id))
    )
    return _told(session, study_id, _facts(batch).order_by("pair"), {"after": after}, secret)


def rows_of_groups(
    session: Session, study_id: int, group_ids: Collection[int], *, secret: str, kinds: Collection[RoundKind]
) -> list[PreferenceRow]:
    """The answered pairs of these groups (by their ids), in the order of groups and pairs. Two queries."""
    batch = _answered(study_id, kinds).where(Pair.group_id == any_(ids("groups")))
    query = _facts(batch).order_by(Group.id, "pair")
    return _told(session, study_id, query, {"groups": list(group_ids)}, secret)


def groups(session: Session, study_id: int, *, after: int, limit: int) -> list[int]:
    """Ids of the study's groups, ascending, those beyond `after`. Whether a pair of one was answered is not asked: with
    that, PostgreSQL looked at every choice of the study for each of these calls."""
    query = select(Group.id).where(Group.study_id == study_id, Group.id > after)
    return list(session.scalars(query.order_by(Group.id).limit(limit)))


def count(session: Session, study_id: int, *, kinds: Collection[RoundKind]) -> int:
    """How many rows there are."""
    return session.scalar(select(func.count()).select_from(_answered(study_id, kinds).subquery())) or 0


def _answered(study_id: int, kinds: Collection[RoundKind]) -> Select[int, int, int, int, int]:
    """The pairs that someone has answered of whom is told."""
    answered = select(Choice.id).where(
        Choice.pair_id == Pair.id, Choice.undone_at.is_(None), ~_withheld(study_id, Choice.user_id)
    )
    rounds = select(Round.id).where(Round.study_id == study_id, Round.kind.in_(kinds))
    return select(Pair.id, Pair.round_id, Pair.group_id, Pair.first_id, Pair.second_id).where(
        Pair.round_id.in_(rounds), answered.exists()
    )


def _facts(answered: Select[int, int, int, int, int]) -> Select[*tuple[Any, ...]]:
    """All that is told of these pairs but the answers, in the order of `PreferenceRow`; whose choices count, and the
    pictures' keys. Words are asked for as text: making enums of them took as long as reading them."""
    pairs = answered.subquery("batch")  # bounded before it is joined, whatever the planner thinks of the joins
    first, second = aliased(Sample), aliased(Sample)
    first_policy, second_policy = aliased(Checkpoint), aliased(Checkpoint)
    first_import, second_import = aliased(ImportedSample), aliased(ImportedSample)
    return (
        select(
            Round.study_id,
            Round.id,
            type_coerce(Round.kind, String),
            Round.number,
            pairs.c.id.label("pair"),
            Group.number,
            Prompt.text,
            Prompt.number,
            Study.seed,
            Group.draw,
            type_coerce(Group.sampler, String),
            first.id,
            second.id,
            first.number,
            second.number,
            func.coalesce(first_policy.number, 0),
            func.coalesce(second_policy.number, 0),
            first.image_sha256,
            second.image_sha256,
            func.coalesce(Round.settings["labeling"]["counted"].astext, COUNTED_BY_DEFAULT),
            first.image_key,
            second.image_key,
            first_import.model,
            second_import.model,
        )
        .select_from(pairs)
        .join(Round, Round.id == pairs.c.round_id)
        .join(Study, Study.id == Round.study_id)
        .join(Group, Group.id == pairs.c.group_id)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .join(first, first.id == pairs.c.first_id)
        .join(second, second.id == pairs.c.second_id)
        .outerjoin(first_policy, first_policy.id == first.checkpoint_id)
        .outerjoin(second_policy, second_policy.id == second.checkpoint_id)
        .outerjoin(first_import, first_import.sample_id == first.id)
        .outerjoin(second_import, second_import.sample_id == second.id)
    )


def _withheld(study_id: int, user_id: Any) -> ColumnElement[bool]:
    """Whether nothing of this person is told: they are left out, or took back the only consent they gave."""
    given, standing = aliased(Consent), aliased(Consent)
    took_back = and_(
        exists().where(given.study_id == study_id, given.user_id == user_id, given.withdrawn_at.is_not(None)),
        ~exists().where(standing.study_id == study_id, standing.user_id == user_id, standing.withdrawn_at.is_(None)),
    )
    return preferences.left_out(study_id, user_id) | took_back


def _told(
    session: Session, study_id: int, query: Select[*tuple[Any, ...]], values: Any, secret: str
) -> list[PreferenceRow]:
    """The rows of a query of `_facts` with what was answered."""
    found = session.connection().execute(query, values).all()  # past the ORM, which makes no objects here anyway
    said = _said(session, study_id, {row[4]: row[FACTS] for row in found}, secret)
    return [_row(row, said[row[4]]) for row in found]


def _row(facts: Any, choices: list[Said]) -> PreferenceRow:
    votes: dict[str, int] = {}
    for choice in choices:
        if choice.counted:
            votes[choice.answer] = votes.get(choice.answer, 0) + 1
    said = (preferences.probability_of(votes), 1.0, votes, choices)
    return PreferenceRow._make((*facts[:FACTS], *said, *facts[FACTS + 1 :]))


def _said(session: Session, study_id: int, pairs: dict[int, str], secret: str) -> dict[int, list[Said]]:
    """What was answered on these pairs, oldest first. `pairs` says of each whose choices count."""
    found: dict[int, list[Said]] = {pair_id: [] for pair_id in pairs}
    made = session.connection().execute(_choices(study_id), {"pairs": list(pairs)})
    names: dict[int, str] = {}
    for (
        choice, pair, user, answer, late, extra, ms, reasons, comment, made_at, undone_at, kind, handle, lease, purpose,
        on_left, expected, shown_at,
    ) in made:  # fmt: skip
        if user not in names:
            names[user] = told_as(UserKind(kind), handle, secret=secret, study_id=study_id, user_id=user)
        counted = purpose == Purpose.COUNTED and undone_at is None and kind in preferences.COUNTED_KINDS[pairs[pair]]
        tags = [] if reasons == "[]" else json.loads(reasons)
        found[pair].append(
            Said(
                choice, names[user], kind, purpose, answer, counted, late, extra, ms, tags, comment, lease, on_left,
                expected, shown_at, made_at, undone_at,
            )
        )  # fmt: skip
    return found


def _choices(study_id: int) -> Select[*tuple[Any, ...]]:
    """The answers on the pairs that the parameter `pairs` lists, oldest first."""
    return (
        select(
            Choice.id,
            Choice.pair_id,
            Choice.user_id,
            type_coerce(Choice.answer, String),
            Choice.late,
            Choice.extra,
            Choice.response_ms,
            cast(Choice.reasons, Text),
            Choice.comment,
            Choice.made_at,
            Choice.undone_at,
            type_coerce(User.kind, String),
            User.handle,
            Lease.id,
            type_coerce(Lease.purpose, String),
            Lease.first_on_left,
            type_coerce(Lease.expected, String),
            Lease.given_at,
        )
        .join(User, User.id == Choice.user_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .where(Choice.pair_id == any_(ids("pairs")), ~_withheld(study_id, Choice.user_id))
        .order_by(Choice.id)
    )
