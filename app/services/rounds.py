"""Rounds: launched and read. Their moves are in `round_moves`, blind comparisons in `evaluation_rounds`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import BadInput, Conflict, NotFound
from app.models import Round, RoundKind, RoundState, RoundTotals, Study, User
from app.models.base import Json
from app.services import chunks, evaluation, events, studies
from app.services.idempotency import made_before
from app.study_settings import StudySettings, merged, validated

# settings of the study as a whole, of which no round has its own: who comes in, evaluation pictures, thanks
OF_THE_STUDY = frozenset(
    {
        "sampling.eval_draws", "labeling.score_with", "labeling.judge", "labeling.guidelines", "labeling.consent",
        "labeling.requires_account", "labeling.warm_up", "labeling.thank_you",
    }
)  # fmt: skip


def launch(
    session: Session, *, study_id: int, pairs: int | None = None, settings: Json | None = None, actor: User | None,
    idempotency_key: str | None = None,
) -> Round:  # fmt: skip
    """Launch the study's next preference round from its current checkpoint: groups and chunks are written here.

    `pairs` is the number of groups to draw where it differs from the study's; `settings` holds other differences. What
    differs is kept with the round, and the study stays as it is. Raises `Conflict` while a preference round is open,
    and `BadInput` for settings that no round has of its own.
    """
    made = made_before(session, Round, idempotency_key, study_id=study_id)
    if made is not None:
        return made
    study = to_launch(session, study_id)
    if studies.open_round(session, study_id) is not None:
        raise Conflict("A round of this study is open already.", "Wait for it to complete, or cancel it.")
    changes = dict(settings or {})
    if pairs is not None:
        changes["sampling"] = {**changes.get("sampling", {}), "groups": pairs}
    theirs = validated(study.settings)
    in_force = of_its_own(theirs, changes)
    differs = studies.differing(theirs, in_force)
    last = newest(session, study_id, RoundKind.PREFERENCE)
    round_ = Round(
        study_id=study_id,
        kind=RoundKind.PREFERENCE,
        number=last.number + 1 if last else 1,
        state=RoundState.GENERATING,
        settings=in_force.model_dump(),
        differs=differs,
        checkpoint_id=study.current_checkpoint_id,
        first_position=last.first_position + last.groups if last else 0,
        groups=in_force.sampling.groups,
        launched_by_id=actor.id if actor else None,
        idempotency_key=idempotency_key,
    )
    store(session, round_)
    chunks.plan(session, study, round_)
    evaluation.plan(session, study, checkpoint_id=study.current_checkpoint_id)
    told = {"differs": differs} if differs else {}
    events.write(session, "round.launched", round_, actor=actor, number=round_.number, groups=round_.groups, **told)
    return round_


def of_its_own(study: StudySettings, changes: Json) -> StudySettings:
    """The settings of a round that is launched with `changes` over its study's. Raises `BadInput` naming each field
    that is wrong, or that no round has of its own."""
    in_force = merged(study, changes)
    refused = [name for name in studies.differing(study, in_force) if not may_differ(name)]
    if refused:
        raise BadInput(
            f"No round has settings of its own for: {', '.join(refused)}.", "Change them for the study.",
            fields=dict.fromkeys(refused, "belongs to the study: change it there"),
        )  # fmt: skip
    return in_force


def may_differ(name: str) -> bool:
    """Whether a round may be launched with a value of its own for the setting `block.field`."""
    return name not in OF_THE_STUDY and not name.startswith("watching.")


def get(session: Session, round_id: int) -> Round:
    round_ = session.get(Round, round_id)
    if round_ is None:
        raise NotFound(f"There is no round {round_id}.")
    return round_


def locked(session: Session, round_id: int) -> Round:
    """The round's row, locked to the transaction's end and read anew: moves go one after the other."""
    round_ = session.scalars(
        select(Round).where(Round.id == round_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if round_ is None:
        raise NotFound(f"There is no round {round_id}.")
    return round_


def to_launch(session: Session, study_id: int) -> Study:
    """The study, locked. Raises `Conflict` where it is archived."""
    study = studies.locked(session, study_id)
    if study.archived_at is not None:
        raise Conflict("This study is archived.", "Take it out of the archive first.")
    return study


def store(session: Session, round_: Round) -> None:
    """Write a round that is being launched, and its row of totals."""
    session.add(round_)
    session.flush()
    session.add(RoundTotals(round_id=round_.id))


def newest(session: Session, study_id: int, kind: RoundKind) -> Round | None:
    """The study's newest round of the kind, if it has any."""
    query = select(Round).where(Round.study_id == study_id, Round.kind == kind).order_by(Round.number.desc()).limit(1)
    return session.scalars(query).one_or_none()
