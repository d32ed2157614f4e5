"""Pairs whose pictures look the same: left out by the study's setting, since a choice between them says nothing.

Such a pair is void, so it is shown to nobody and not trained; `alike` says why. It is drawn all the same: its samples
are there, and no others are drawn in its place.
"""

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from app.models import Lease, Pair, PairState, Purpose, Round, Sample, SampleState
from app.models.base import ids
from app.services import places
from app.study_settings import LabelingSettings, validated


def measured(pair: Pair, distance: float | None, labeling: LabelingSettings) -> None:
    """Note on a pair that is being made how far its pictures look from each other, and whether it is left out."""
    pair.distance = distance
    pair.alike = distance is not None and distance < labeling.alike_below
    pair.state = PairState.VOID if pair.alike else PairState.OPEN


def sort_again(session: Session, round_: Round) -> None:
    """Leave out and take in the round's pairs by its setting as it is now, while it asks for choices.

    A pair that anyone was shown stays in. Its rows are locked first, so that a lease being given is seen.
    """
    if round_.state not in places.ASKED_IN:
        return
    below = validated(round_.settings).labeling.alike_below
    near = select(Pair.id).where(Pair.round_id == round_.id, Pair.state == PairState.OPEN, Pair.distance < below)
    found = session.scalars(near.order_by(Pair.id).with_for_update()).all()
    shown = exists().where(Lease.pair_id == Pair.id, Lease.purpose == Purpose.COUNTED)
    session.execute(
        update(Pair).where(Pair.id == func.any(ids("near")), ~shown).values(state=PairState.VOID, alike=True),
        {"near": found},
    )
    lost = exists().where(Sample.id.in_([Pair.first_id, Pair.second_id]), Sample.state == SampleState.LOST)
    session.execute(
        update(Pair)
        .where(Pair.round_id == round_.id, Pair.alike, Pair.distance >= below, ~lost)
        .values(state=PairState.OPEN, alike=False)
    )
