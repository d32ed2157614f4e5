"""An import from its files to its end: known by its content, checked whole before anything is written, then written
some items at a time. Broken off anywhere, it goes on where it was."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.errors import BadInput
from app.services import import_items, import_pictures, imports
from app.services.export_source import Transactions
from app.services.import_items import Fault, Faults, Item, Reader, Told
from app.services.import_writing import Writer

AT_ONCE = 16  # items that are written in one transaction
REMEMBERED = 10_000  # pictures that were checked, by their hashes, so that those of several rows are decoded once


class Steps(Protocol):
    """Who hears how far it is: of the bytes that are hashed, the rows that are checked, the rows that are written. Each
    may raise, to stop."""

    def hashed(self, done: int, total: int) -> None: ...
    def checked(self, done: int, total: int) -> None: ...
    def written(self, done: int, total: int) -> None: ...


def run(
    transactions: Transactions, artifacts: Artifacts, reader: Reader, import_id: int, *, own: str, steps: Steps,
    hold: Callable[[Session], object] = lambda session: None, end: Callable[[Session], object] = lambda session: None,
    sha256: str | None = None,
) -> None:  # fmt: skip
    """Import what the reader reads. `own` names this attempt's files, which no other writes; `hold` is called first in
    each transaction and raises where somebody else has the job, `end` last in the last one. `sha256` is the content
    where it is known already.

    Raises `BadInput` with the first faults before anything is written, `Refused` for files that were imported before.
    """
    sha256 = sha256 or import_items.content(reader, steps.hashed)
    with transactions() as session:
        hold(session)
        row = imports.get(session, import_id)
        imports.know(session, row, sha256)
        begun, leaves_out = row.study_id is not None, bool(row.source.get("leave_out_bad"))
    if not begun:
        check(reader, steps.checked, leaves_out=leaves_out)
        with transactions() as session:
            hold(session)
            imports.begin(session, imports.get(session, import_id), reader)
    with transactions() as session:
        row = imports.get(session, import_id)
        study_id, position = row.study_id, row.position
    folder = f"studies/{study_id}/imported/{own}"
    writer = Writer(transactions, artifacts, import_id, folder, hold)
    steps.written(position, reader.total)
    items = enumerate(_usable(reader, position, leaves_out=leaves_out), position)
    while some := list(islice(items, AT_ONCE)):
        writer.write(some)
        steps.written(some[-1][0] + 1, reader.total)
    with transactions() as session:
        hold(session)
        imports.finish(session, artifacts, imports.get(session, import_id))
        end(session)


def check(reader: Reader, told: Told, *, leaves_out: bool) -> None:
    """Look at every item, and decode every picture. Raises `BadInput` that names the first faults, where bad rows are
    not to be left out; and where nothing at all is left."""
    faults, seen, usable = Faults(), dict[str, None](), 0
    for number, item in enumerate(reader.items(0), 1):
        fault = item if isinstance(item, Fault) else _bad_picture(item, seen)
        if fault is not None:
            faults.add(fault)
        elif isinstance(item, Item) and item.said:
            usable += 1
        told(number, reader.total)
    if not leaves_out:
        faults.refuse(reader.total)
    if usable == 0:
        first = f" {faults.first[0].where}: {faults.first[0].what}." if faults.first else ""
        raise BadInput(f"There is nothing to import: no row has an answer that can be used.{first}", "Choose others.")


def _usable(reader: Reader, after: int, *, leaves_out: bool) -> Iterator[Item]:
    """The items, those that are at fault as left out."""
    seen = dict[str, None]()
    for item in reader.items(after):
        fault = item if isinstance(item, Fault) else _bad_picture(item, seen) if leaves_out else None
        if fault is not None:
            yield Item(fault.where, 0, left_out="bad")
        elif isinstance(item, Item):
            yield item


def _bad_picture(item: Item, seen: dict[str, None]) -> Fault | None:
    """The item's first picture that cannot be used. `seen` remembers the newest that can, so that nothing grows."""
    for source in item.pictures:
        name = import_pictures.sha256(source.data)
        if name in seen:
            continue
        try:
            import_pictures.check(source.data)
        except BadInput as error:
            place = item.pictures.index(source)
            return Fault(item.where, f"picture {place} {error.message}")
        seen[name] = None
        if len(seen) > REMEMBERED:
            del seen[next(iter(seen))]
    return None
