"""Prompt lists that are shipped: files in `app/prompt_lists`, each with its title, what it is, and its licence."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.errors import NotFound
from app.paths import DEMO
from app.services import prompt_texts

FOLDER = Path(__file__).parents[1] / "prompt_lists"
HEAD = ("title", "about", "licence")


@dataclass(frozen=True)
class PromptList:
    """One list: `text` holds a prompt a line."""

    name: str
    title: str
    about: str
    licence: str
    text: str
    prompts: int


@cache
def every() -> tuple[PromptList, ...]:
    """All lists, the demo's first."""
    demo = (DEMO / "prompts.txt").read_text()
    about = "Animals that the demo model draws well, some for training only."
    found = [
        PromptList("demo", "The demo's prompts", about, "Apache-2.0, written for this project.", demo, _count(demo))
    ]
    return (*found, *(_read(path) for path in sorted(FOLDER.glob("*.txt"), key=lambda path: path.stem, reverse=True)))


def get(name: str) -> PromptList:
    """The list of this name. Raises `NotFound`."""
    for one in every():
        if one.name == name:
            return one
    raise NotFound(f"There is no prompt list {name!r}.", f"There are: {', '.join(one.name for one in every())}.")


def _read(path: Path) -> PromptList:
    lines = path.read_text().splitlines()
    head = dict(line.removeprefix("# ").split(": ", 1) for line in lines[: len(HEAD)])
    text = "".join(f"{line}\n" for line in lines[len(HEAD) :])
    return PromptList(path.stem, head["title"], head["about"], head["licence"], text, _count(text))


def _count(text: str) -> int:
    return len(prompt_texts.read(text))
