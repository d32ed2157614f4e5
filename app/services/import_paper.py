"""The folder that the paper's own code writes, with what people said in JSON files of scores.

    prompt.json         a list of prompts, one for each group of pictures, or such a list for each batch
    images/00000.png …  the groups' pictures one after the other, as many of each (the code draws 7)
    sample.pkl          latents; a pickle, which could do anything to whoever loads it: never opened
    *.json              one file for each person: for each group the list of its pictures' scores, 1, 0 or -1

Of every two pictures of a group the one with the higher score is the better; the same score is a tie. The code trains
on the mean over people and skips equal ones; here each person's own choices are kept.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any

from app.errors import BadInput
from app.models import Answer
from app.services.import_items import Fault, Item, Said, Source, usable_prompt

PROMPTS = "prompt.json"
SCORES = ("scores", "json")  # folders in which people's files may lie
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
LAYOUT = "It needs prompt.json, a folder images and a JSON file of scores for each person; docs/researcher.md shows it."


class Paper:
    """The folder, opened. `scores` are people's files or a folder of them; without any, those in the folder are taken.
    Raises `BadInput` where a part is missing or lengths do not match."""

    def __init__(self, folder: Path, scores: Sequence[Path] = ()) -> None:
        if not folder.is_dir():
            raise BadInput(f"There is no folder {folder}.", LAYOUT)
        self._folder = folder
        self._pictures = _pictures(folder / "images")
        self.groups = _prompts(folder / PROMPTS)
        self._each = _each(folder, len(self._pictures), len(self.groups))
        self._scores = {path: _scores(path, len(self.groups), self._each) for path in _score_files(folder, scores)}
        self.total = len(self.groups)
        self.notes = {"pickle": len(list(folder.glob("*.pkl")))} if any(folder.glob("*.pkl")) else {}

    def files(self) -> Sequence[Path]:
        return [self._folder / PROMPTS, *self._pictures, *self._scores]

    def items(self, after: int) -> Iterator[Item | Fault]:
        for number in range(after, self.total):
            yield self._item(number)

    def _item(self, number: int) -> Item:
        where = f"{PROMPTS}, prompt {number + 1}"
        paths = self._pictures[number * self._each : (number + 1) * self._each]
        said = [
            Said(one, other, _better(scores[number][one], scores[number][other]), path.stem)
            for path, scores in self._scores.items()
            for one, other in combinations(range(self._each), 2)
        ]
        named = f"{where} (images {paths[0].name} to {paths[-1].name})"
        return Item(named, number, [Source(path.read_bytes()) for path in paths], said)


def _better(one: float, other: float) -> Answer:
    return Answer.TIE if one == other else Answer.FIRST if one > other else Answer.SECOND


def _prompts(path: Path) -> list[str]:
    """The prompt of each group; batches are put one after the other."""
    read = _read(path)
    if not isinstance(read, list) or not read:
        raise BadInput(f"{path.name} is no list of prompts.", LAYOUT)
    flat = list(chain.from_iterable(one if isinstance(one, list) else [one] for one in read))
    for number, text in enumerate(flat, 1):
        wrong = usable_prompt(text)
        if wrong:
            raise BadInput(f"{path.name}, prompt {number}: {wrong} ({text!r}).", LAYOUT)
    return flat


def _pictures(folder: Path) -> list[Path]:
    """By their numbers where their names are numbers, else by name."""
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.", LAYOUT)
    paths = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    by_number = all(path.stem.isascii() and path.stem.isdigit() for path in paths)
    return sorted(paths, key=lambda path: (int(path.stem) if by_number else 0, path.name))


def _each(folder: Path, pictures: int, groups: int) -> int:
    """How many pictures a group has."""
    each, rest = divmod(pictures, groups)
    if rest or each < 2:
        raise BadInput(
            f"{folder.name}/images holds {pictures} pictures and {PROMPTS} {groups} prompts: each prompt needs as many "
            "pictures as every other, and two at least.",
            "Are pictures missing, or are the files of another run?",
        )
    return each


def _score_files(folder: Path, given: Sequence[Path]) -> list[Path]:
    """People's files, by name."""
    places = list(given) or [folder / name for name in SCORES if (folder / name).is_dir()] or [folder]
    found = [path for place in places for path in (place.glob("*.json") if place.is_dir() else [place])]
    files = sorted(path for path in found if not (path.parent == folder and path.name.startswith("prompt")))
    if not files:
        raise BadInput(
            f"There are no scores in {folder}.", "Put each person's JSON file into its folder scores, or name them."
        )
    stems = [path.stem for path in files]
    if len(set(stems)) < len(stems):
        raise BadInput("Two files of scores have the same name.", "A file's name tells whose scores it holds.")
    return files


def _scores(path: Path, groups: int, each: int) -> list[list[float]]:
    """One person's scores by group. Raises `BadInput` that names the file, and the group at fault."""
    read = _read(path)
    if not isinstance(read, list) or len(read) != groups:
        found = f"a list of {len(read)}" if isinstance(read, list) else "no list"
        raise BadInput(
            f"{path.name} is {found}, and {PROMPTS} has {groups} prompts.",
            "It needs a list for each prompt, in the order of the prompts; put 0 for what was not scored.",
        )
    for number, scores in enumerate(read, 1):
        if not isinstance(scores, list) or len(scores) != each:
            found = f"{len(scores)} scores" if isinstance(scores, list) else repr(scores)
            raise BadInput(
                f"{path.name}, prompt {number}: {found}, and there are {each} pictures of it.",
                f"Give {each} scores, in the order of the pictures.",
            )
        wrong = next((one for one in scores if isinstance(one, bool) or one not in (1, 0, -1)), None)
        if wrong is not None:
            raise BadInput(f"{path.name}, prompt {number}: a score is {wrong!r}.", "A score is 1, 0 or -1.")
    return read


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.", LAYOUT) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name} cannot be read as JSON: {error}", LAYOUT) from error
