"""What a loop leaves behind: its lines, a table, the curve and the grid of pictures, written anew after each round."""

import json
from collections.abc import Sequence
from pathlib import Path

from app.artifacts import Artifacts
from app.db import transaction
from app.services.evaluation_views import Policy
from app.services.measures import Mean
from worker.judges import Judge
from worker.loop.curve import curve
from worker.loop.figures import Line
from worker.loop.grid import write_grid

HEADER = ("round", "score", "to base, 95 %", "DDIM", "to base, 95 %", "choices", "sample", "train", "other")


class Report:
    """The files of one loop in `folder`: lines.jsonl, table.md, curve.svg, grid.png."""

    def __init__(self, folder: Path, *, judge: Judge, title: str, study_id: int, artifacts: Artifacts) -> None:
        self.folder = folder
        self._judge = judge
        self._title = title
        self._study_id = study_id
        self._artifacts = artifacts
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, lines: Sequence[Line]) -> None:
        """Write every file for the rounds so far."""
        jsonl = "".join(f"{json.dumps(line.as_json())}\n" for line in lines)
        (self.folder / "lines.jsonl").write_text(jsonl)
        (self.folder / "table.md").write_text(self._table(lines))
        (self.folder / "curve.svg").write_text(curve(lines, title=self._title, unit=self._judge.unit))
        policies = [Policy(line.checkpoint, line.round) for line in lines]
        with transaction() as session:
            write_grid(session, self._artifacts, self._study_id, policies, self.folder / "grid.png")

    def _table(self, lines: Sequence[Line]) -> str:
        rows = [cells(line) for line in lines]
        separator = ["---"] * len(HEADER)
        body = "\n".join(f"| {' | '.join(row)} |" for row in [HEADER, separator, *rows])
        return f"# {self._title}\n\n{legend(self._judge)}\n\n{body}\n"


def legend(judge: Judge) -> str:
    """What the table's columns mean."""
    return (
        f"Score: mean over the evaluation set in {judge.unit}, drawn as the study draws; DDIM: the same at eta 0; "
        "to base: mean paired difference with its 95 % interval; sample, train, other: seconds."
    )


def cells(line: Line) -> list[str]:
    """One line as the table shows it, in the order of `HEADER`."""
    return [
        str(line.round or "base"),
        f"{line.eval_score:.3f}",
        _interval(line.difference),
        f"{line.eval_score_ddim:.3f}",
        _interval(line.difference_ddim),
        str(line.choices),
        f"{line.seconds.sample:.1f}",
        f"{line.seconds.train:.1f}",
        f"{line.seconds.other:.1f}",
    ]


def _interval(difference: Mean | None) -> str:
    if difference is None:
        return ""
    return f"{difference.mean:+.3f} ± {difference.high - difference.mean:.3f}"
