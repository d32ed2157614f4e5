"""The state machine of rounds: every move stands in one table, and is one transaction with its event.

A round's state says where it is, its hold whether it stands still. Each move names from where it may be made, what it
leads to, who may make it, and what else it does. `settle` makes whatever moves are due; the sweep calls it every few
seconds, and workers when they have stored something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, Refused
from app.models import (
    FINAL,
    OPEN,
    Hold,
    JobKind,
    Pair,
    PairState,
    Round,
    RoundKind,
    RoundState,
    RunState,
    TrainingSet,
    User,
)
from app.models.base import Json
from app.services import chunks, evaluation_rounds, events, jobs, preferences, rounds, training_runs
from app.services.locks import Lock, exclusive
from app.study_settings import merged, validated

S, H = RoundState, Hold
BOTH_KINDS = frozenset({RoundKind.PREFERENCE, RoundKind.EVALUATION})
PREFERENCE, EVALUATION = frozenset({RoundKind.PREFERENCE}), frozenset({RoundKind.EVALUATION})
IMPORTED = frozenset({RoundKind.IMPORTED})


class By(StrEnum):
    """Who may make a move."""

    SYSTEM = "system"
    ADMIN = "admin"


@dataclass(frozen=True)
class Move:
    """One row of the table."""

    event: str
    by: frozenset[By]
    states: frozenset[RoundState]
    holds: frozenset[Hold]
    state: RoundState | None = None
    hold: Hold | None = None
    kinds: frozenset[RoundKind] = BOTH_KINDS
    also: tuple[Callable[[Session, Round, User | None], None], ...] = ()


def _begin_labeling(session: Session, round_: Round, actor: User | None) -> None:
    round_.labeling_at = func.now()


def _begin_training(session: Session, round_: Round, actor: User | None) -> None:
    """Freeze what is trained on and start the run; chunks not yet begun are cancelled.

    The lock waits for choices that are being stored, and makes those that come after see that they are late.
    """
    exclusive(session, Lock.ROUND_CHOICES, round_.id)
    jobs.cancel_open(session, round_id=round_.id, kinds=(JobKind.CHUNK,), waiting_only=True)
    chosen = preferences.of_round(session, round_)
    _refuse_nothing_to_train(session, round_, chosen)
    training_runs.start(session, round_, preferences.freeze(session, round_, chosen), actor=actor)
    round_.training_at = func.now()


def _end(session: Session, round_: Round, actor: User | None) -> None:
    round_.ended_at = func.now()


def _drop_work(session: Session, round_: Round, actor: User | None) -> None:
    jobs.cancel_open(session, round_id=round_.id, kinds=(JobKind.CHUNK,))
    training_runs.cancel(session, round_.id)


def _revive_work(session: Session, round_: Round, actor: User | None) -> None:
    """Failed chunks and evaluation pictures are tried again; a failed training run goes on from its resume point."""
    jobs.revive(session, round_id=round_.id)
    if round_.kind == RoundKind.EVALUATION:
        evaluation_rounds.draw(session, round_)
    run = training_runs.newest(session, round_.id)
    if run is not None and run.state == RunState.FAILED:
        training_runs.go_on(session, run)


def _wake_work(session: Session, round_: Round, actor: User | None) -> None:
    jobs.wake_round(session, round_id=round_.id)


SYSTEM, ADMIN, ANYONE = frozenset({By.SYSTEM}), frozenset({By.ADMIN}), frozenset(By)
LABELING, TRAINING, ANY_OPEN = frozenset({S.LABELING}), frozenset({S.TRAINING}), frozenset(OPEN)
GOING, HELD, ANY_HOLD = frozenset({H.NONE}), frozenset({H.PAUSED}), frozenset(H)

# event, by whom, from which states and holds; then what it leads to and what else it does
TABLE = (
    Move("pairs_ready", SYSTEM, frozenset({S.GENERATING}), GOING, state=S.LABELING, also=(_begin_labeling,)),
    Move("goal_met", SYSTEM, LABELING, GOING, state=S.TRAINING, kinds=PREFERENCE, also=(_begin_training,)),
    Move(
        "advance",
        ADMIN,
        LABELING,
        GOING | HELD,
        state=S.TRAINING,
        hold=H.NONE,
        kinds=PREFERENCE,
        also=(_begin_training,),
    ),
    Move("judged", ANYONE, LABELING, ANY_HOLD, state=S.COMPLETE, hold=H.NONE, kinds=EVALUATION, also=(_end,)),
    Move("trained", SYSTEM, TRAINING, ANY_HOLD, state=S.COMPLETE, hold=H.NONE, kinds=PREFERENCE, also=(_end,)),
    Move("imported", SYSTEM, frozenset({S.GENERATING}), ANY_HOLD, state=S.COMPLETE, kinds=IMPORTED, also=(_end,)),
    Move("pause", ANYONE, ANY_OPEN, GOING, hold=H.PAUSED),
    Move("resume", ADMIN, ANY_OPEN, HELD, hold=H.NONE, also=(_wake_work,)),
    Move("fail", SYSTEM, ANY_OPEN, GOING | HELD, hold=H.FAILED),
    Move("retry", ADMIN, ANY_OPEN, frozenset({H.FAILED}), hold=H.NONE, also=(_revive_work,)),
    Move("cancel", ADMIN, ANY_OPEN, ANY_HOLD, state=S.CANCELLED, hold=H.NONE, also=(_drop_work, _end)),
)
MOVES = {move.event: move for move in TABLE}


def make(session: Session, round_: Round, event: str, *, actor: User | None = None, reason: str | None = None) -> None:
    """Make the move on a locked round, with its event. Raises `Conflict` where the table does not have it."""
    move = MOVES[event]
    if not _fits(move, round_):
        raise Conflict(
            f"Round {round_.number} is {_said(round_)}, so it cannot {event.replace('_', ' ')}.",
            f"It can: {', '.join(sorted(allowed(round_))) or 'nothing more'}.",
        )
    before = (round_.state, round_.hold)
    for action in move.also:
        action(session, round_, actor)
    round_.state = move.state or round_.state
    round_.hold = move.hold or round_.hold
    round_.hold_reason = reason if round_.hold == Hold.FAILED else None
    details = {"from": list(before), "to": [round_.state, round_.hold]} | ({"reason": reason} if reason else {})
    events.write(session, f"round.{event}", round_, actor=actor, **details)


def allowed(round_: Round) -> set[str]:
    """What an admin can do with the round as it is now."""
    offers = {event for event, move in MOVES.items() if By.ADMIN in move.by and _fits(move, round_)}
    if "judged" in offers:
        offers = offers - {"judged"} | {"advance"}
    trainable = round_.state == S.COMPLETE or (round_.state == S.TRAINING and round_.hold == H.FAILED)
    if round_.kind == RoundKind.PREFERENCE and trainable:
        offers |= {"retry_with", "train_again"}
    return offers


def pause(session: Session, *, round_id: int, actor: User | None) -> Round:
    """Stand still where it is: no pairs are dealt, workers give their jobs back at the next safe point."""
    return _by_admin(session, round_id, "pause", actor)


def resume(session: Session, *, round_id: int, actor: User | None) -> Round:
    return _by_admin(session, round_id, "resume", actor)


def advance(session: Session, *, round_id: int, actor: User | None) -> Round:
    """Go on with the choices there are: train now, or end an evaluation round."""
    round_ = rounds.locked(session, round_id)
    make(session, round_, "advance" if round_.kind == RoundKind.PREFERENCE else "judged", actor=actor)
    return round_


def cancel(session: Session, *, round_id: int, actor: User | None) -> Round:
    """End the round for good without a checkpoint; its pictures and choices are kept."""
    return _by_admin(session, round_id, "cancel", actor)


def retry(session: Session, *, round_id: int, actor: User | None) -> Round:
    """Go on where it failed: chunks are drawn again, a training run goes on from its resume point."""
    return _by_admin(session, round_id, "retry", actor)


def retry_with(session: Session, *, round_id: int, training: Json, actor: User | None) -> Round:
    """Start a new training run on the same frozen set with other training settings: no click is lost."""
    round_ = rounds.locked(session, round_id)
    _check_offered(session, round_, "retry_with")
    settings = merged(validated(round_.settings), {"training": training})
    frozen = session.scalars(
        select(TrainingSet).where(TrainingSet.round_id == round_.id).order_by(TrainingSet.number.desc()).limit(1)
    ).one()
    _start_again(session, round_, frozen, settings.training.model_dump(), actor)
    return round_


def train_again(session: Session, *, round_id: int, actor: User | None) -> Round:
    """Train the round once more from the choices as they are now, late ones too: a checkpoint beside the others."""
    round_ = rounds.locked(session, round_id)
    _check_offered(session, round_, "train_again")
    exclusive(session, Lock.ROUND_CHOICES, round_.id)
    chosen = preferences.of_round(session, round_)
    _refuse_nothing_to_train(session, round_, chosen)
    newest = training_runs.newest(session, round_.id)
    settings = newest.settings if newest else None
    _start_again(session, round_, preferences.freeze(session, round_, chosen), settings, actor)
    return round_


def settle(session: Session, round_id: int) -> bool:
    """Make the move that is due, if one is; says whether it made one."""
    round_ = rounds.locked(session, round_id)
    if round_.state in FINAL or round_.hold != Hold.NONE:
        return False
    event = _due(session, round_)
    if event is None:
        return False
    if event == "fail":
        make(session, round_, "fail", reason=_what_was_not_drawn(session, round_))
        return True
    try:
        with session.begin_nested():
            make(session, round_, event)
    except (BadInput, Refused) as error:
        session.refresh(round_)
        make(session, round_, "fail", reason=str(error))
    return True


def _due(session: Session, round_: Round) -> str | None:
    if round_.kind is RoundKind.IMPORTED:
        return None  # whoever reads its files says when it is through (`app.services.imports`)
    if round_.kind == RoundKind.EVALUATION and round_.state in (S.GENERATING, S.LABELING):
        evaluation_rounds.make_pairs(session, round_)
    if round_.state == S.GENERATING:
        if _has_pairs(session, round_.id):
            return "pairs_ready"
        return None if _drawing(session, round_) else "fail"
    if (
        round_.state == S.LABELING
        and not _drawing(session, round_)
        and not _has_pairs(session, round_.id, PairState.OPEN)
    ):
        if round_.kind == RoundKind.PREFERENCE:
            return "goal_met"
        return "fail" if evaluation_rounds.not_drawn(session, round_) else "judged"
    return None


def _has_pairs(session: Session, round_id: int, *states: PairState) -> bool:
    query = select(Pair.id).where(Pair.round_id == round_id).limit(1)
    return session.scalar(query.where(Pair.state.in_(states)) if states else query) is not None


def _what_was_not_drawn(session: Session, round_: Round) -> str:
    said = jobs.newest_error(session, study_id=round_.study_id, kinds=(JobKind.CHUNK, JobKind.EVALUATION))
    what = "No picture could be drawn."
    if round_.state == S.LABELING:
        missing = evaluation_rounds.not_drawn(session, round_)
        what = f"{missing} of {round_.groups} pairs could not be drawn: retry, or end the comparison without them."
    return f"{what} {said or ''}".strip()


def _drawing(session: Session, round_: Round) -> bool:
    if round_.kind == RoundKind.EVALUATION:
        return evaluation_rounds.unfinished(session, round_)
    return chunks.unfinished(session, round_.id)


def _start_again(
    session: Session, round_: Round, frozen: TrainingSet, settings: Json | None, actor: User | None
) -> None:
    training_runs.start(session, round_, frozen, settings=settings, actor=actor)
    if round_.state == S.TRAINING:
        round_.hold, round_.hold_reason = Hold.NONE, None


def _refuse_nothing_to_train(session: Session, round_: Round, chosen: list[preferences.Preference]) -> None:
    ties = validated(round_.settings).training.ties == "trained"
    if not any(not item.held_out and (ties or item.p != 0.5) for item in chosen):
        alike = session.scalar(select(func.count()).where(Pair.round_id == round_.id, Pair.alike))
        left_out = f" {alike} were left out because their pictures look the same (alike_below)." if alike else ""
        raise Refused(
            f"Round {round_.number} has no pair to train on: no choice prefers one picture.{left_out}",
            "Ask for more choices, or cancel the round.",
        )


def _by_admin(session: Session, round_id: int, event: str, actor: User | None) -> Round:
    round_ = rounds.locked(session, round_id)
    make(session, round_, event, actor=actor)
    return round_


def _check_offered(session: Session, round_: Round, offer: str) -> None:
    if offer not in allowed(round_):
        raise Conflict(
            f"Round {round_.number} is {_said(round_)}, so it cannot be trained again.",
            "Wait until it has failed in training or is complete.",
        )
    run = training_runs.newest(session, round_.id)
    if run is not None and run.state in (RunState.WAITING, RunState.RUNNING):
        raise Conflict(f"Run {run.number} of round {round_.number} is still training.", "Wait until it has ended.")


def _fits(move: Move, round_: Round) -> bool:
    return round_.state in move.states and round_.hold in move.holds and round_.kind in move.kinds


def _said(round_: Round) -> str:
    return f"{round_.state} ({round_.hold})" if round_.hold != Hold.NONE else str(round_.state)
