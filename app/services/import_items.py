"""What imports are made of, whatever their format: items, one after the other, each with pictures of one group and what
people said of them; and how a format is read. A reader holds neither the items nor the files' pictures in memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from app.errors import BadInput
from app.models import Answer

FAULTS_SAID = 5
BLOCK = 1 << 20

Told = Callable[[int, int], None]  # how much is done, and of how much; may raise, to stop


class Source(NamedTuple):
    """A picture as it came: its encoded bytes, and what the file says drew it."""

    data: bytes
    model: str = ""


class Said(NamedTuple):
    """One person's answer on two of the item's pictures, by their places in it. `person` is the name or number that the
    files have for them."""

    first: int
    second: int
    answer: Answer
    person: str
    at: datetime | None = None


@dataclass(frozen=True)
class Item:
    """What is imported at once: pictures of the group with this number, and answers. `left_out` says why nothing of it
    is imported, without being wrong."""

    where: str
    group: int
    pictures: Sequence[Source] = ()
    said: Sequence[Said] = ()
    left_out: str | None = None


@dataclass(frozen=True)
class Fault:
    """An item that cannot be used: where it stands, and what is wrong with it."""

    where: str
    what: str


class Reader(Protocol):
    """Opened files of one format. `groups` holds the prompt of each group, `total` how many items there are, `notes`
    what is there and not read, by a word for it."""

    groups: list[str]
    total: int
    notes: dict[str, int]

    def files(self) -> Sequence[Path]:
        """All files that are read, in their order."""
        ...

    def items(self, after: int) -> Iterator[Item | Fault]:
        """The items in their order, from the one with the number `after` on. The same at every call."""
        ...


@dataclass
class Faults:
    """What was found wrong, the first few of it in words."""

    count: int = 0
    first: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.count += 1
        if len(self.first) < FAULTS_SAID:
            self.first.append(fault)

    def refuse(self, of: int) -> None:
        """Raises `BadInput` that names them, where there are any."""
        if not self.count:
            return
        said = " ".join(f"{one.where}: {one.what}." for one in self.first)
        more = f" And {self.count - len(self.first)} more." if self.count > len(self.first) else ""
        raise BadInput(
            f"{self.count} of {of} rows cannot be imported. {said}{more}",
            "Mend the files, or ask for rows that cannot be used to be left out. Nothing was imported.",
        )


def content(reader: Reader, told: Told) -> str:
    """The SHA-256 of the files' names and contents, in their order."""
    files = reader.files()
    total, done, whole = sum(path.stat().st_size for path in files), 0, hashlib.sha256()
    for path in files:
        one = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                one.update(block)
                done += len(block)
                told(done, total)
        whole.update(f"{path.name} {one.hexdigest()}\n".encode())
    return whole.hexdigest()


def usable_prompt(text: object) -> str | None:
    """What is wrong with a prompt; none where it can be used."""
    if not isinstance(text, str) or not text.strip():
        return "it has no prompt"
    if "\0" in text:
        return "its prompt holds a NUL character"
    return None
