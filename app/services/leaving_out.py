"""What it would change to leave someone's choices out of a study: looked at before it is done, and changing nothing.

Each figure is worked out twice from the choices as they stand, with this person's and without. A fixed number of
queries: pairs are counted by how their choices are spread, and there are few such patterns however many pairs. What
becomes of preferences is looked at in the newest rounds of theirs; agreement and known answers are of the whole study,
as last counted (`tallies`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import (
    AnnotatorSpread,
    AnnotatorTally,
    Answer,
    Checkpoint,
    Choice,
    Lease,
    Pair,
    PairState,
    Participation,
    Purpose,
    Round,
    RoundKind,
    RoundState,
    RunState,
    TrainingRun,
    TrainingSet,
    User,
    UserKind,
)
from app.services import agreement, places, preferences, studies
from app.services.agreement import Alpha, Beside
from app.services.measures import Share

ROUNDS = 10  # newest ones of theirs that are looked at pair by pair


class Turn(StrEnum):
    """What becomes of a pair's preference: the other picture is preferred; it becomes a tie; it says nothing any more;
    it says something for the first time; it stays on its side and is another number; it stays as it is."""

    TURNED = "turned"
    TIED = "tied"
    LOST = "lost"
    GAINED = "gained"
    SHIFTED = "shifted"
    SAME = "same"


@dataclass(frozen=True)
class RoundChange:
    """One round in which this person's choices speak: of its `pairs` that they answered, what becomes of their
    preferences; how many `open` again, and with them how many `places`, where the round still asks."""

    round_id: int
    kind: RoundKind
    number: int
    state: RoundState
    pairs: int
    turns: dict[Turn, int]
    opened: int
    places: int


@dataclass(frozen=True)
class Trained:
    """A training run whose frozen set holds choices of theirs: how many, on how many of its pairs. `later` checkpoints
    were trained onwards from its own; `leads_to_current` says that the study's current one is it or one of them."""

    round_id: int
    round_number: int
    run_id: int
    run_number: int
    state: RunState
    choices: int
    pairs: int
    of_pairs: int
    checkpoint_id: int | None
    checkpoint_number: int | None
    later: int
    leads_to_current: bool


@dataclass(frozen=True)
class Preview:
    """All of it. `choices` of theirs speak now, in `rounds_in_all`, the newest of which are in `rounds`; agreement and
    right answers on known pairs are of all people."""

    user_id: int
    name: str
    choices: int
    rounds_in_all: int
    rounds: Sequence[RoundChange]
    alpha: Alpha
    alpha_without: Alpha
    gold: Share
    gold_without: Share
    trained: Sequence[Trained]

    def sum(self, turn: Turn) -> int:
        return sum(round_.turns.get(turn, 0) for round_ in self.rounds)

    @property
    def pairs(self) -> int:
        return sum(round_.pairs for round_ in self.rounds)

    @property
    def opened(self) -> int:
        return sum(round_.opened for round_ in self.rounds)

    @property
    def places(self) -> int:
        return sum(round_.places for round_ in self.rounds)


def preview(session: Session, *, study_id: int, user_id: int) -> Preview:
    """What would change. Raises `NotFound` where this person takes no part, `Conflict` where they are left out."""
    study = studies.get(session, study_id)
    user = session.get(User, user_id)
    theirs = session.scalar(
        select(Participation).where(Participation.study_id == study_id, Participation.user_id == user_id)
    )
    if user is None or theirs is None:
        raise NotFound(f"User {user_id} takes no part in study {study_id}.")
    if theirs.left_out_at is not None:
        raise Conflict(f"The choices of {user.display_name} are left out already.", "Count them again first.")
    spoken = _spoken(session, study_id, user_id)
    newest = sorted(spoken)[-ROUNDS:]
    patterns, gold = agreement.stored(session, study_id), _gold(session, study_id)
    own_gold = gold.pop(user_id, Share(0, 0))
    return Preview(
        user_id=user_id,
        name=user.display_name,
        choices=sum(spoken.values()),
        rounds_in_all=len(spoken),
        rounds=_rounds(session, study_id, user_id, newest),
        alpha=agreement.alpha_of(patterns),
        alpha_without=agreement.alpha_of(agreement.without(patterns, _beside(session, study_id, user))),
        gold=_sum([*gold.values(), own_gold]),
        gold_without=_sum(gold.values()),
        trained=_trained(session, study_id, user_id, newest, study.current_checkpoint_id),
    )


def turn(before: float | None, after: float | None) -> Turn:
    """What becomes of a preference p (none: the choices say nothing)."""
    if before == after:
        return Turn.SAME
    if after is None:
        return Turn.LOST
    if after == 0.5:
        return Turn.TIED
    if before is None or before == 0.5:
        return Turn.GAINED
    return Turn.SHIFTED if (before > 0.5) == (after > 0.5) else Turn.TURNED


def _spoken(session: Session, study_id: int, user_id: int) -> dict[int, int]:
    """In which rounds choices of theirs speak, and how many."""
    rows = session.execute(
        select(Round.id, AnnotatorTally.choices)
        .join(AnnotatorTally, AnnotatorTally.round_id == Round.id)
        .join(User, User.id == AnnotatorTally.user_id)
        .where(AnnotatorTally.study_id == study_id, AnnotatorTally.user_id == user_id, AnnotatorTally.choices > 0)
        .where(Round.state != RoundState.CANCELLED, _is_heard())
    )
    return {round_id: count for round_id, count in rows}  # noqa: C416 -- a Result is no mapping to mypy


def _rounds(session: Session, study_id: int, user_id: int, round_ids: Sequence[int]) -> list[RoundChange]:
    """What changes in these rounds, oldest first."""
    rows = session.execute(_patterns(study_id, user_id, round_ids)).mappings()
    return [_change(round_, list(patterns)) for round_, patterns in groupby(rows, lambda row: row["Round"])]


def _change(round_: Round, patterns: list[Any]) -> RoundChange:
    turns: Counter[Turn] = Counter()
    opened = free = 0
    for row in patterns:
        answers = {answer: row[answer.value] for answer in Answer}
        rest = {**answers, row["own"]: answers[row["own"]] - 1}
        turns[turn(_p(answers), _p(rest))] += row["pairs"]
        if round_.state not in places.ASKED_IN:
            continue
        was_closed, wanted = row["state"] == PairState.CLOSED, row["choices_per_pair"]
        now_free = _free(rest, wanted)
        opened += row["pairs"] if was_closed and now_free else 0
        free += row["pairs"] * (now_free - (0 if was_closed else _free(answers, wanted)))
    return RoundChange(
        round_.id, round_.kind, round_.number, round_.state, turns.total(), dict(turns), opened, free
    )  # fmt: skip


def _is_heard() -> ColumnElement[bool]:
    """Whether the round listens to such a user: to people, to judges, or to both."""
    counted = func.coalesce(Round.settings["labeling"]["counted"].as_string(), "people")
    return or_(
        counted == "both",
        and_(counted == "people", User.kind == UserKind.PERSON),
        and_(counted == "judges", User.kind == UserKind.JUDGE),
    )


def _speaks(study_id: int) -> tuple[Any, ...]:
    """Of choices joined to lease, pair, round and user: they speak for their pairs."""
    return (
        Round.study_id == study_id,
        Round.state != RoundState.CANCELLED,
        Pair.state != PairState.VOID,
        Choice.undone_at.is_(None),
        Lease.purpose == Purpose.COUNTED,
        _is_heard(),
        ~preferences.left_out(study_id, Choice.user_id),
    )


def _patterns(study_id: int, user_id: int, round_ids: Sequence[int]) -> Any:
    """How the choices are spread over the pairs that they answered, and how many pairs each such pattern has."""
    own = func.max(Choice.answer).filter(Choice.user_id == user_id).label("own")
    answered = (
        select(Choice.pair_id)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Choice.user_id == user_id, Choice.undone_at.is_(None), Lease.purpose == Purpose.COUNTED)
        .where(Pair.round_id.in_(round_ids))
    )
    each = (
        select(
            Pair.round_id,
            Pair.state,
            own,
            *(func.count().filter(Choice.answer == answer).label(answer.value) for answer in Answer),
        )
        .select_from(Choice)
        .join(Lease, Lease.id == Choice.lease_id)
        .join(Pair, Pair.id == Choice.pair_id)
        .join(Round, Round.id == Pair.round_id)
        .join(User, User.id == Choice.user_id)
        .where(Pair.id.in_(answered), *_speaks(study_id))
        .group_by(Pair.id)
        .having(own.is_not(None))
        .subquery()
    )
    wanted = func.coalesce(Round.settings["labeling"]["choices_per_pair"].as_integer(), 1)
    columns = [each.c.state, each.c.own, *(each.c[answer.value] for answer in Answer)]
    return (
        select(Round, *columns, wanted.label("choices_per_pair"), func.count().label("pairs"))
        .join(each, each.c.round_id == Round.id)
        .group_by(Round.id, *columns)
        .order_by(Round.id)
    )


def _p(answers: dict[Answer, int]) -> float | None:
    return preferences.probability([answer for answer, count in answers.items() for _ in range(count)])


def _free(answers: dict[Answer, int], wanted: int) -> int:
    """The places that a pair with these answers has left; none where enough people skipped it."""
    if answers[Answer.SKIP] >= places.SKIPS_THAT_CLOSE:
        return 0
    return max(wanted - sum(count for answer, count in answers.items() if answer is not Answer.SKIP), 0)


def _gold(session: Session, study_id: int) -> dict[int, Share]:
    """How many of each person's answers on known pairs are right; who is left out takes no part."""
    rows = session.execute(
        select(AnnotatorTally.user_id, func.sum(AnnotatorTally.right), func.sum(AnnotatorTally.gold))
        .join(User, User.id == AnnotatorTally.user_id)
        .where(
            AnnotatorTally.study_id == study_id,
            User.kind == UserKind.PERSON,
            ~preferences.left_out(study_id, AnnotatorTally.user_id),
        )
        .group_by(AnnotatorTally.user_id)
    )
    return {user_id: Share(int(right), int(answered)) for user_id, right, answered in rows}


def _sum(shares: Iterable[Share]) -> Share:
    known = list(shares)
    return Share(sum(share.part for share in known), sum(share.of for share in known))


def _beside(session: Session, study_id: int, user: User) -> Beside:
    """What stands beside this person's own answers, where these count in the agreement of people."""
    found: Beside = Counter()
    if user.kind is UserKind.PERSON:
        rows = session.scalars(
            select(AnnotatorSpread.beside)
            .join(Round, Round.id == AnnotatorSpread.round_id)
            .where(Round.study_id == study_id, AnnotatorSpread.user_id == user.id)
        )
        for written in rows:
            found.update(agreement.read_beside(written))
    return found


def _trained(
    session: Session, study_id: int, user_id: int, round_ids: Sequence[int], current: int | None
) -> list[Trained]:
    """These rounds' runs on frozen sets that hold choices of theirs, oldest first."""
    sets = _sets(user_id, round_ids)
    rows = session.execute(
        select(Round.number, TrainingRun, sets.c.choices, sets.c.pairs, sets.c.of_pairs, Checkpoint)
        .join(sets, sets.c.id == TrainingRun.training_set_id)
        .join(Round, Round.id == TrainingRun.round_id)
        .outerjoin(Checkpoint, Checkpoint.training_run_id == TrainingRun.id)
        .order_by(TrainingRun.id)
    ).all()
    parents: dict[int, int | None] = dict(
        session.execute(select(Checkpoint.id, Checkpoint.parent_id).where(Checkpoint.study_id == study_id)).all()
    )
    found = []
    for number, run, choices, pairs, of_pairs, checkpoint in rows:
        onwards = _onwards(parents, checkpoint.id) if checkpoint else set()
        found.append(
            Trained(
                run.round_id, number, run.id, run.number, run.state, choices, pairs, of_pairs,
                checkpoint.id if checkpoint else None, checkpoint.number if checkpoint else None,
                max(len(onwards) - 1, 0), current in onwards,
            )
        )  # fmt: skip
    return found


def _sets(user_id: int, round_ids: Sequence[int]) -> Any:
    """The rounds' frozen sets in which a trained pair holds a choice of theirs."""
    item = func.jsonb_array_elements(TrainingSet.items).table_valued("value", name="item")
    trained = item.c.value.op("->>")("held_out") != "true"
    choice = func.jsonb_array_elements_text(item.c.value.op("->")("choices")).table_valued("value", name="choice")
    theirs = (
        select(Choice.id)
        .join(Pair, Pair.id == Choice.pair_id)
        .where(Choice.user_id == user_id, Pair.round_id.in_(round_ids))
    )
    held = (
        select(func.count())
        .select_from(choice)
        .where(cast(choice.c.value, BigInteger).in_(theirs))
        .correlate(item)
        .scalar_subquery()
    )
    each = (
        select(TrainingSet.id, held.label("held"))
        .select_from(TrainingSet)
        .join(item, trained)
        .where(TrainingSet.round_id.in_(round_ids))
        .subquery()
    )
    return (
        select(
            each.c.id,
            func.sum(each.c.held).label("choices"),
            func.count().filter(each.c.held > 0).label("pairs"),
            func.count().label("of_pairs"),
        )
        .group_by(each.c.id)
        .having(func.sum(each.c.held) > 0)
        .subquery()
    )


def _onwards(parents: dict[int, int | None], checkpoint_id: int) -> set[int]:
    """The checkpoint and all that were trained onwards from it."""
    children: dict[int | None, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    found, next_ones = {checkpoint_id}, [checkpoint_id]
    while next_ones:
        next_ones = [child for parent in next_ones for child in children.get(parent, ())]
        found.update(next_ones)
    return found
