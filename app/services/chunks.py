"""Chunks: a round's groups and the jobs that draw them, written at launch, and what a drawn chunk leaves behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Group, Job, JobKind, Pair, Prompt, Round, Sample, Split, Study
from app.services import jobs, look_alikes, samples, totals
from app.services.jobs import Claim, Urgency
from app.services.samples import Drawn
from app.services.walk import chunk_sizes, walk
from app.study_settings import StudySettings, validated


@dataclass(frozen=True)
class GroupToDraw:
    """What a worker needs to know of one group: the ordinals that key its noise, and its prompt."""

    group_id: int
    number: int
    prompt: str


@dataclass(frozen=True)
class DrawnGroup:
    """One group as a worker hands it over: its samples in their order, and how far each two of them look from each
    other (DSSIM), by their numbers, the smaller first."""

    samples: list[Drawn]
    distances: Mapping[tuple[int, int], float]


def plan(session: Session, study: Study, round_: Round) -> None:
    """Write all groups of the round and the chunks that draw them: one group first, then doubling."""
    sampling = validated(round_.settings).sampling
    prompts = _train_prompts(session, study)
    weights = [prompt.weight for prompt in prompts]
    order = walk(prompts, seed=study.seed, start=round_.first_position, count=round_.groups, weights=weights)
    first = 0
    for index, size in enumerate(chunk_sizes(round_.groups, sampling.chunk_groups)):
        job = jobs.add(
            session,
            JobKind.CHUNK,
            study_id=study.id,
            round_id=round_.id,
            checkpoint_id=round_.checkpoint_id,
            urgency=Urgency.FIRST_CHUNK if index < 2 else Urgency.CHUNK,
            payload={"chunk": index, "first_group": first, "groups": size, "batch": sampling.batch},
        )
        session.add_all(
            Group(study_id=study.id, round_id=round_.id, job_id=job.id, prompt_id=order[number].id, number=number)
            for number in range(first, first + size)
        )
        first += size


def groups_of(session: Session, claim: Claim) -> list[GroupToDraw]:
    """The chunk's groups in their order."""
    rows = session.execute(
        select(Group.id, Group.number, Prompt.text)
        .join(Prompt, Prompt.id == Group.prompt_id)
        .where(Group.job_id == claim.job_id)
        .order_by(Group.number)
    )
    return [GroupToDraw(*row) for row in rows]


def store(session: Session, round_: Round, drawn: list[DrawnGroup]) -> None:
    """Write a drawn chunk's samples and its pairs: those that annotators will see, and those that look alike."""
    labeling = validated(round_.settings).labeling
    pairs = []
    for group in drawn:
        rows = samples.add(session, group.samples, checkpoint_id=round_.checkpoint_id)
        for first, second in pairs_of(rows, labeling.pairs_shown, group.distances):
            pair = Pair(round_id=round_.id, group_id=first.group_id, first_id=first.id, second_id=second.id)
            look_alikes.measured(pair, group.distances.get((first.number, second.number)), labeling)
            pairs.append(pair)
    session.add_all(pairs)
    session.flush()
    alike = sum(pair.alike for pair in pairs)
    totals.added(session, round_.id, len(pairs) - alike, alike=alike)


def pairs_of(
    rows: Sequence[Sample], shown: str, distances: Mapping[tuple[int, int], float]
) -> Iterable[tuple[Sample, Sample]]:
    """The pairs of one group that are shown: all of them, each sample with its next, or the two that differ most."""
    ordered = sorted(rows, key=lambda row: row.number)
    if shown == "neighbours":
        return pairwise(ordered)
    every = combinations(ordered, 2)
    if shown == "most_different":
        return [max(every, key=lambda two: distances.get((two[0].number, two[1].number), 0.0))]
    return every


def pairs_planned(settings: StudySettings, groups: int) -> int:
    """How many pairs `groups` groups give under these settings."""
    k = settings.sampling.samples_per_group
    of_a_group = {"all": k * (k - 1) // 2, "neighbours": k - 1, "most_different": 1}
    return groups * of_a_group[settings.labeling.pairs_shown]


def unfinished(session: Session, round_id: int) -> bool:
    """Whether any chunk of the round is still waiting or being drawn."""
    query = select(Job.id).where(
        Job.round_id == round_id, Job.kind == JobKind.CHUNK, Job.state.in_(("waiting", "running"))
    )
    return session.scalar(query.limit(1)) is not None


def _train_prompts(session: Session, study: Study) -> list[Prompt]:
    return list(
        session.scalars(
            select(Prompt)
            .where(Prompt.prompt_set_id == study.prompt_set_id, Prompt.split.in_((Split.TRAIN, Split.BOTH)))
            .order_by(Prompt.number)
        )
    )
