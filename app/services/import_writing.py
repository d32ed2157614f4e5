"""Items of an import written as rows like any other's: samples, pairs, people, leases, choices. Some items at a time,
with the import's position in the same transaction."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.artifacts import Artifacts, Stored
from app.errors import Conflict
from app.models import (
    Answer,
    Choice,
    Group,
    Import,
    ImportedSample,
    Lease,
    Pair,
    Participation,
    Prompt,
    Purpose,
    Round,
    Sample,
    User,
)
from app.models.base import among
from app.services import import_pictures, places, tallies
from app.services.export_source import Transactions
from app.services.import_items import Item, Source

KEYS = uuid.UUID("5ca1ab1e-d3b0-4f00-8000-7a57e3a4e600")
TURNED = {Answer.FIRST: Answer.SECOND, Answer.SECOND: Answer.FIRST}
AT_ONCE = 4  # pictures encoded at once

Content = tuple[int, str]  # a picture: its group's id, and the SHA-256 of its bytes as they came


class New(NamedTuple):
    """A picture that is stored and has no row yet."""

    width: int
    height: int
    png: Stored
    webp: Stored
    model: str


class Vote(NamedTuple):
    """An answer, with the pictures by their samples' ids."""

    group: int
    first: int
    second: int
    answer: Answer
    person: int
    at: datetime
    key: uuid.UUID


class Writer:
    """Writes one import's items. `folder` is where its pictures go, which no other attempt writes to; `hold` is called
    in each transaction first, and raises where somebody else has the job by now."""

    def __init__(
        self, transactions: Transactions, artifacts: Artifacts, import_id: int, folder: str,
        hold: Callable[[Session], object],
    ) -> None:  # fmt: skip
        self._transactions, self._artifacts, self._hold = transactions, artifacts, hold
        self._import_id, self._folder = import_id, folder
        self._people: dict[str, int] = {}  # an entry for each person

    def write(self, items: Sequence[tuple[int, Item]]) -> None:
        """Store items, each with its number, and that the import goes on behind the last one; all of it or nothing.

        Raises `Conflict` where the import does not stand at the first of them: somebody else reads it, too.
        """
        kept = [(number, item) for number, item in items if not item.left_out]
        with self._transactions() as session:
            row = session.get_one(Import, self._import_id)
            groups = _groups(session, row.round_id, {item.group for _, item in kept})
            known = _known(session, groups.values())
        new: dict[Content, New] = {}
        try:
            self._store(kept, groups, known, new)
            with self._transactions() as session:
                self._hold(session)
                row = _locked(session, self._import_id, items[0][0])
                left_out = Counter(item.left_out for _, item in items if item.left_out)
                left_out += self._rows(session, row, kept, groups, new) if kept else Counter()
                row.position = items[-1][0] + 1
                row.left_out = dict(Counter(row.left_out) + left_out)
        except DBAPIError:
            raise  # the commit may have gone through: what no row names goes with the next clean-up
        except BaseException:
            for one in new.values():
                self._artifacts.delete(one.png.key)
                self._artifacts.delete(one.webp.key)
            raise

    def _store(
        self, items: Sequence[tuple[int, Item]], groups: dict[int, int], known: dict[Content, int],
        new: dict[Content, New],
    ) -> None:  # fmt: skip
        """Encode and store the pictures that are not there yet, into `new`."""
        wanted: dict[Content, tuple[str, Source]] = {}
        for number, item in items:
            for place, source in enumerate(item.pictures):
                content = (groups[item.group], import_pictures.sha256(source.data))
                if content not in known:
                    wanted.setdefault(content, (f"{number}-{place}", source))
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import") as threads:
            made = threads.map(lambda one: self._stored(*one), wanted.values())
            new.update(zip(wanted, made, strict=True))

    def _stored(self, name: str, source: Source) -> New:
        coded = import_pictures.coded(source.data)
        png = self._artifacts.put_bytes(f"{self._folder}/{name}.png", coded.png)
        webp = self._artifacts.put_bytes(f"{self._folder}/{name}.webp", coded.webp)
        return New(coded.width, coded.height, png, webp, source.model)

    def _rows(
        self, session: Session, row: Import, items: Sequence[tuple[int, Item]], groups: dict[int, int],
        new: dict[Content, New],
    ) -> Counter[str]:  # fmt: skip
        """Write the items' rows; how many answers were left out, by reason."""
        round_ = session.get_one(Round, row.round_id)
        _add_samples(session, new)
        samples = _known(session, groups.values())
        self._meet(session, row, {said.person for _, item in items for said in item.said})
        votes, left_out = self._votes(row, items, groups, samples)
        pairs = _pairs(session, round_.id, votes)
        left_out["said_before"] += _add_choices(session, votes, pairs)
        ids = {pairs[vote.first, vote.second] for vote in votes}
        places.recount(session, round_, among(Pair.id, ids))
        tallies.mark_rounds(session, [round_.id])
        return +left_out

    def _votes(
        self, row: Import, items: Sequence[tuple[int, Item]], groups: dict[int, int], samples: dict[Content, int]
    ) -> tuple[list[Vote], Counter[str]]:
        votes: list[Vote] = []
        left_out: Counter[str] = Counter()
        for number, item in items:
            group = groups[item.group]
            ids = [samples[group, import_pictures.sha256(source.data)] for source in item.pictures]
            for place, said in enumerate(item.said):
                if ids[said.first] == ids[said.second]:
                    left_out["same_picture"] += 1
                    continue
                key = uuid.uuid5(KEYS, f"{row.id}/{row.sha256}/{number}/{place}")
                person, at = self._people[said.person], said.at or row.created_at
                votes.append(Vote(group, ids[said.first], ids[said.second], said.answer, person, at, key))
        return votes, left_out

    def _meet(self, session: Session, row: Import, names: Collection[str]) -> None:
        """Know the people by their ids, and add those that were not met yet: they take part in the study, so that they
        can be left out of it, and none can sign in."""
        handles = {name: _handle(row.id, name) for name in names if name not in self._people}
        query = select(User.handle, User.id).where(User.handle.in_(handles.values()))
        found = dict(session.execute(query).all())
        absent = [name for name, handle in handles.items() if handle not in found]
        if absent:
            values = [
                {
                    "handle": handles[name], "display_name": _called(name), "import_id": row.id,
                    "disabled_at": row.created_at,
                }
                for name in sorted(absent)
            ]  # fmt: skip
            made = dict(session.execute(insert(User).returning(User.handle, User.id), values).all())
            session.execute(
                insert(Participation),
                [{"study_id": row.study_id, "user_id": user, "began_at": row.created_at} for user in made.values()],
            )
            found |= made
        self._people |= {name: found[handle] for name, handle in handles.items()}


def add_groups(session: Session, round_: Round, prompt_set_id: int, prompts: Sequence[str]) -> None:
    """Write the round's groups, of these prompts."""
    query = select(Prompt.text, Prompt.id).where(Prompt.prompt_set_id == prompt_set_id)
    ids = dict(session.execute(query).all())
    values = [
        {"study_id": round_.study_id, "round_id": round_.id, "prompt_id": ids[text], "number": number}
        for number, text in enumerate(prompts)
    ]
    session.execute(insert(Group), values)


def _locked(session: Session, import_id: int, position: int) -> Import:
    """The import, which nobody else moves until the transaction's end. Raises `Conflict` as `Writer.write`."""
    query = select(Import).where(Import.id == import_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one()
    if row.position != position or row.ended_at is not None:
        raise Conflict(f"Import {import_id} is read by somebody else, too.", "Let one of them go on.")
    return row


def _groups(session: Session, round_id: int | None, numbers: Collection[int]) -> dict[int, int]:
    """The ids of the round's groups with these numbers."""
    query = select(Group.number, Group.id).where(Group.round_id == round_id, among(Group.number, numbers))
    return dict(session.execute(query).all())


def _known(session: Session, group_ids: Collection[int]) -> dict[Content, int]:
    """The samples of these groups by their content."""
    rows = session.execute(
        select(ImportedSample.group_id, ImportedSample.sha256, ImportedSample.sample_id).where(
            among(ImportedSample.group_id, group_ids)
        )
    )
    return {(group, sha256): sample for group, sha256, sample in rows}


def _add_samples(session: Session, new: dict[Content, New]) -> None:
    """Write pictures that are stored by now; in their groups they are numbered as they come."""
    if not new:
        return
    there = select(Sample.group_id, func.max(Sample.number)).group_by(Sample.group_id)
    rows = session.execute(there.where(among(Sample.group_id, {group for group, _ in new})))
    last = dict(rows.all())
    values = []
    for (group, _), one in new.items():
        last[group] = last.get(group, -1) + 1
        values.append(
            {
                "group_id": group, "number": last[group], "width": one.width, "height": one.height,
                "image_key": one.png.key, "image_sha256": one.png.sha256, "image_size": one.png.size,
                "webp_key": one.webp.key, "webp_sha256": one.webp.sha256, "webp_size": one.webp.size,
            }
        )  # fmt: skip
    ids = session.scalars(insert(Sample).returning(Sample.id, sort_by_parameter_order=True), values).all()
    session.execute(
        insert(ImportedSample),
        [
            {"sample_id": sample, "group_id": group, "sha256": sha256, "model": one.model}
            for sample, ((group, sha256), one) in zip(ids, new.items(), strict=True)
        ],
    )


def _pairs(session: Session, round_id: int, votes: Sequence[Vote]) -> dict[tuple[int, int], int]:
    """The pairs that were voted on by their samples, in either order; those that are not there yet are written."""
    wanted = {(vote.first, vote.second): vote.group for vote in votes}
    found = _there(session, round_id, wanted)
    absent: dict[tuple[int, int], int] = {}
    for (first, second), group in wanted.items():
        if (first, second) not in found and (second, first) not in absent:
            absent[first, second] = group
    if absent:
        values = [
            {"round_id": round_id, "group_id": group, "first_id": first, "second_id": second}
            for (first, second), group in absent.items()
        ]
        session.execute(insert(Pair), values)
        found = _there(session, round_id, wanted)
    return found


def _there(session: Session, round_id: int, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    sides = [*wanted, *((second, first) for first, second in wanted)]
    query = select(Pair.first_id, Pair.second_id, Pair.id).where(
        Pair.round_id == round_id, tuple_(Pair.first_id, Pair.second_id).in_(sides)
    )
    found: dict[tuple[int, int], int] = {}
    for first, second, pair in session.execute(query):
        found[first, second] = found[second, first] = pair
    return found


def _add_choices(session: Session, votes: Sequence[Vote], pairs: dict[tuple[int, int], int]) -> int:
    """Write leases and choices; how many were left out since the same person had answered the pair before.

    The file's own order of the two pictures stands for their sides, which it does not tell.
    """
    ids = set(pairs.values())
    order = dict(session.execute(select(Pair.id, Pair.first_id).where(among(Pair.id, ids))).all())
    answered: set[tuple[int, int]] = set(
        session.execute(
            select(Lease.pair_id, Lease.user_id).where(among(Lease.pair_id, ids), among(Lease.user_id, _people(votes)))
        ).all()
    )
    new: dict[tuple[int, int], Vote] = {}
    for vote in votes:
        asked = (pairs[vote.first, vote.second], vote.person)
        if asked not in answered:
            new.setdefault(asked, vote)
    if not new:
        return len(votes)
    leases = session.scalars(
        insert(Lease).returning(Lease.id, sort_by_parameter_order=True),
        [
            {
                "pair_id": pair, "user_id": person, "purpose": Purpose.COUNTED,
                "first_on_left": order[pair] == vote.first, "given_at": vote.at, "expires_at": vote.at,
            }
            for (pair, person), vote in new.items()
        ],
    ).all()  # fmt: skip
    choices = [
        {
            "key": vote.key, "lease_id": lease, "pair_id": pair, "user_id": person, "made_at": vote.at,
            "answer": vote.answer if order[pair] == vote.first else TURNED.get(vote.answer, vote.answer),
            "reasons": [], "comment": "",
        }
        for lease, ((pair, person), vote) in zip(leases, new.items(), strict=True)
    ]  # fmt: skip
    session.execute(insert(Choice), choices)
    return len(votes) - len(new)


def _people(votes: Sequence[Vote]) -> set[int]:
    return {vote.person for vote in votes}


def _handle(import_id: int, person: str) -> str:
    """A name that no account has, and that tells nothing of the person."""
    return f"import-{import_id}-{hashlib.sha256(person.encode()).hexdigest()[:16]}"


def _called(person: str) -> str:
    return f"Outside: {person}"[:200] if person else "Outside: nobody named"
