"""How good the labels of a study are, by annotator. Read-only; a fixed number of queries, however many people.

Figures are of choices that stand, as the sweep last counted them round by round (`tallies`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Interval, func, literal, select
from sqlalchemy.orm import Session, aliased

from app.models import Answer, Choice, Participation, Round, RoundKind, User, UserKind
from app.services import agreement, annotator_counts, response_times, studies, tallies
from app.services.agreement import Alpha, WithOthers
from app.services.annotator_counts import Numbers, Spread
from app.services.measures import Share
from app.services.response_times import Times

UNTOLD = timedelta(minutes=10)
OWN_TIMES = annotator_counts.TIMES * annotator_counts.ROUNDS


@dataclass(frozen=True)
class Counts:
    """An annotator's counted choices, by answer; `extra` came to full pairs, `late` after the freeze."""

    choices: int
    answers: dict[str, int]
    extra: int
    late: int


@dataclass(frozen=True)
class Repeats:
    """Hidden repeats, which show the sides exchanged: answered the same; the same side of the screen, so another
    picture; or otherwise differently (a tie before, a picture now)."""

    same: int
    same_side: int
    otherwise: int

    @property
    def consistent(self) -> Share:
        return Share(self.same, self.same + self.same_side + self.otherwise)


@dataclass(frozen=True)
class Annotator:
    """One person's (or judge's) numbers in a study. `per_hour` leaves breaks out; `left` is the share of answers for a
    picture that named the left one; none of what was never measured."""

    user_id: int
    name: str
    is_judge: bool
    counts: Counts
    per_hour: float | None
    times: Times | None
    gold: Share
    repeats: Repeats
    left: Share
    others: WithOthers | None
    last_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """Whether someone is paused in the study (by its own rule, where nobody paused them) or left out of it."""

    paused_at: datetime | None
    paused_reason: str | None
    paused_by: str | None
    left_out_at: datetime | None


@dataclass(frozen=True)
class Quality:
    """A study's annotators, who chose most first, each with where they stand, and how far they agree. `uncounted` is
    how many rounds of the study wait to be counted for the first time."""

    alpha: Alpha
    annotators: Sequence[tuple[Annotator, Standing]]
    uncounted: int


def of_study(session: Session, study_id: int, *, round_id: int | None = None) -> Quality:
    """Everyone's numbers in the study, or in one round of it, as last counted; their times are of their newest answers.
    Raises `NotFound`."""
    studies.get(session, study_id)
    standings = _standings(session, study_id)
    users = session.scalars(select(User).where(User.id.in_(standings))).all()
    numbers = annotator_counts.stored(session, study_id, round_id=round_id)
    times = annotator_counts.stored_times(session, study_id, list(numbers), round_id=round_id)
    found = [_annotator(user, numbers.get(user.id, Numbers()), times.get(user.id, ())) for user in users]
    ordered = sorted(found, key=lambda annotator: (-annotator.counts.choices, annotator.user_id))
    return Quality(
        agreement.alpha_of(agreement.stored(session, study_id, round_id=round_id)),
        [(annotator, standings[annotator.user_id]) for annotator in ordered],
        tallies.uncounted(session, study_id),
    )


def standing(session: Session, study_id: int, user_id: int) -> Standing:
    """Where someone stands who takes part."""
    return _standings(session, study_id)[user_id]


def rounds_of(session: Session, study_id: int, *, limit: int = 100) -> list[tuple[int, RoundKind, int]]:
    """The study's newest rounds to choose from, newest first: id, kind and number."""
    query = select(Round.id, Round.kind, Round.number).where(Round.study_id == study_id)
    query = query.order_by(Round.id.desc()).limit(limit)
    return [(round_id, kind, number) for round_id, kind, number in session.execute(query)]


def of_person(session: Session, study_id: int, user: User) -> Annotator:
    """One person's own numbers in the study, for themselves, counted at once. Raises `NotFound`.

    Without their answers of the last minutes: figures that move with a single answer would tell which pair was gold.
    """
    studies.get(session, study_id)
    settled = Choice.made_at < func.now() - literal(UNTOLD, Interval)
    found = annotator_counts.count(session, [Round.study_id == study_id, settled], [user.id], times=OWN_TIMES)
    numbers, spread = found.get(user.id, (Numbers(), Spread()))
    return _annotator(user, numbers, spread.times)


def _annotator(user: User, numbers: Numbers, times: Sequence[int]) -> Annotator:
    answers = {answer.value: getattr(numbers, answer.value) for answer in Answer}
    otherwise = numbers.repeats - numbers.same - numbers.same_side
    return Annotator(
        user_id=user.id,
        name=user.display_name,
        is_judge=user.kind is UserKind.JUDGE,
        counts=Counts(numbers.choices, {answer: n for answer, n in answers.items() if n}, numbers.extra, numbers.late),
        per_hour=numbers.gaps * 3600 / numbers.gap_seconds if numbers.gap_seconds else None,
        times=response_times.of(times),
        gold=Share(numbers.right, numbers.gold),
        repeats=Repeats(numbers.same, numbers.same_side, otherwise),
        left=Share(numbers.on_left, numbers.sided),
        others=WithOthers(numbers.agreed / numbers.compared, numbers.compared) if numbers.compared else None,
        last_at=numbers.last_at,
    )


def _standings(session: Session, study_id: int) -> dict[int, Standing]:
    """Where everyone stands who ever opened the study, by user id."""
    by = aliased(User)
    rows = session.execute(
        select(Participation, by.display_name)
        .outerjoin(by, by.id == Participation.paused_by_id)
        .where(Participation.study_id == study_id)
        .execution_options(populate_existing=True)
    )
    return {p.user_id: Standing(p.paused_at, p.paused_reason, name, p.left_out_at) for p, name in rows}
