"""Prompt lists as people write them: a prompt a line, a CSV table or JSON lines. Read with the line of every fault.

In plain lines `train:`, `eval:` or `both:` before a prompt names its split; blank lines and lines that begin with `#`
are passed over. A table's first line names its columns, a JSON line is an object or a text: `prompt` (or `text`), and
where wanted `split` and `weight`. Weights may be fractions (`0.5`, `1/3`): only how they compare matters.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from app.errors import BadInput
from app.models import Split

MOST_CHARACTERS = 2000
MOST_WEIGHT = 100
FAULTS_SAID = 5
TEXT_NAMES = ("prompt", "text")


class Form(StrEnum):
    """How a list is written."""

    LINES = "lines"
    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True)
class PromptLine:
    """One prompt, the split it belongs to, and how often a pass through the train prompts visits it."""

    text: str
    split: Split = Split.BOTH
    weight: int = 1


@dataclass(frozen=True)
class Written:
    """A prompt as it stands in a list: in which line, and the split and weight that the line names, if any."""

    line: int
    text: str
    split: Split | None = None
    weight: Fraction = Fraction(1)


class _FaultError(ValueError):
    """What is wrong with one line."""


def form_of(name: str) -> Form:
    """The form that a file's name tells: by its ending, plain lines where that says nothing."""
    ending = name.lower().rpartition(".")[2]
    return {"csv": Form.CSV, "tsv": Form.CSV, "jsonl": Form.JSONL, "ndjson": Form.JSONL}.get(ending, Form.LINES)


def read(text: str, form: Form = Form.LINES) -> list[Written]:
    """The prompts in `text`. Raises `BadInput` that tells each line that cannot be used, and why."""
    readers = {Form.LINES: _lines, Form.CSV: _table, Form.JSONL: _json_lines}
    found: list[Written] = []
    faults: list[str] = []
    for number, entry in readers[form](text.removeprefix("\ufeff")):
        try:
            found.append(_written(number, entry))
        except _FaultError as fault:
            faults.append(f"Line {number} {fault}")
    if faults:
        more = len(faults) - FAULTS_SAID
        said = "; ".join(faults[:FAULTS_SAID]) + (f"; and {more} more" if more > 0 else "")
        raise BadInput(f"{said}.", f"A prompt has 1 to {MOST_CHARACTERS} characters.", fields={"prompts": said})
    return found


def written(prompts: Iterable[PromptLine]) -> tuple[str, Form]:
    """The prompts as a text that `read` gives back: plain lines, or a table where weights differ."""
    lines = list(prompts)
    if all(line.weight == 1 for line in lines):
        return "".join(f"{as_line(line)}\n" for line in lines), Form.LINES
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["prompt", "split", "weight"])
    table.writerows([line.text, line.split.value, line.weight] for line in lines)
    return buffer.getvalue(), Form.CSV


def whole_weights(weights: Sequence[Fraction]) -> list[int]:
    """The smallest whole numbers that compare as `weights` do. Raises `BadInput` where one would be over 100."""
    if not weights:
        return []
    scale = math.lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * scale) for weight in weights]
    shared = math.gcd(*whole)
    whole = [weight // shared for weight in whole]
    if max(whole) > MOST_WEIGHT:
        said = f"the largest weight is {max(whole)} times the smallest share"
        raise BadInput(
            f"These weights cannot be kept: {said}.", f"Weights may differ up to {MOST_WEIGHT} times.",
            fields={"prompts": said},
        )  # fmt: skip
    return whole


def _lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        head, colon, rest = line.partition(":")
        named = colon and head.strip().lower() in set(Split)
        yield number, {"prompt": rest, "split": head} if named else {"prompt": line}


def _table(text: str) -> Iterator[tuple[int, Any]]:
    head = text.lstrip().partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    try:
        names = [name.strip().lower() for name in reader.fieldnames or []]
        if not set(TEXT_NAMES) & set(names):
            said = f"names no column “prompt” or “text”, but {', '.join(names) or 'nothing'}"
            raise BadInput(f"Line 1 {said}.", "The first line names the columns.", fields={"prompts": f"Line 1 {said}"})
        reader.fieldnames = names
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        said = f"Line {reader.line_num} is no row of a table: {error}"
        raise BadInput(f"{said}.", fields={"prompts": said}) from error


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError as error:
            yield number, error


def _written(number: int, entry: Any) -> Written:
    if isinstance(entry, str):
        entry = {"prompt": entry}
    if not isinstance(entry, Mapping):
        raise _FaultError("is no JSON object with a “prompt”")
    if entry.get(None):  # what the table's reader found beyond the last column
        raise _FaultError("has more cells than there are columns; a prompt with a comma stands in quotes")
    text = next((entry[name] for name in TEXT_NAMES if entry.get(name) is not None), None)
    if not isinstance(text, str) or not text.strip() or len(text.strip()) > MOST_CHARACTERS or "\0" in text:
        raise _FaultError("holds no usable prompt")
    return Written(
        number, " ".join(text.splitlines()).strip(), _split(entry.get("split")), _weight(entry.get("weight"))
    )


def _split(value: Any) -> Split | None:
    name = str(value or "").strip().lower()
    if not name:
        return None
    if name not in set(Split):
        raise _FaultError(f"names the split {name!r}; there are train, eval and both")
    return Split(name)


def _weight(value: Any) -> Fraction:
    text = "" if value is None else str(value).strip()
    if not text:
        return Fraction(1)
    try:
        weight = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise _FaultError(f"has the weight {text!r}, which is no number") from error
    if not Fraction(1, MOST_WEIGHT) <= weight <= MOST_WEIGHT or weight.denominator > MOST_WEIGHT:
        raise _FaultError(f"has the weight {text}; it may lie between 1/{MOST_WEIGHT} and {MOST_WEIGHT}")
    return weight


def as_line(prompt: PromptLine) -> str:
    """The prompt as a plain line; with its split where it is not both, or where the text would be read otherwise."""
    head, colon, _ = prompt.text.partition(":")
    taken = (colon and head.strip().lower() in set(Split)) or prompt.text.startswith("#")
    return prompt.text if prompt.split is Split.BOTH and not taken else f"{prompt.split}: {prompt.text}"
