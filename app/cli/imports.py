"""`tastemaker import`: preference data that was made elsewhere, read into a study of its own."""

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from app.artifacts import Artifacts
from app.cli.output import print_json, say
from app.db import transaction
from app.models import Import
from app.services import base_models, import_formats, import_items, import_run, imports
from app.services.import_formats import PAPER, PICK_A_PIC
from app.services.import_items import Reader
from app.settings import Settings, get_settings
from app.supervisor.servers import ensure_servers

SECONDS_BETWEEN = 5.0
AS_OTHERWISE = "the newest that is registered"

Name = Annotated[str, typer.Option("--study", help="The name of the study that is made.", show_default=False)]
Question = Annotated[str, typer.Option(help="What people were asked.")]
Model = Annotated[
    str | None,
    typer.Option(help="Folder or hub id of the study's base model, for rounds of its own.", show_default=AS_OTHERWISE),
]
LeaveOutBad = Annotated[bool, typer.Option("--leave-out-bad", help="Leave out rows that cannot be used, and go on.")]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        help="Preference data made elsewhere, as a study of its own: to judge judges by, to export, to look at.",
        no_args_is_help=True,
    )
    group.command("pick-a-pic")(pick_a_pic)
    group.command("paper")(paper)
    app.add_typer(group, name="import")


def pick_a_pic(
    files: Annotated[list[Path], typer.Argument(help="Parquet files, or folders of them.", show_default=False)],
    study: Name, question: Question = imports.QUESTION, model: Model = None, leave_out_bad: LeaveOutBad = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Import Parquet files with Pick-a-Pic's columns. All is checked first; run again, it goes on where it was."""
    _import(PICK_A_PIC, files, (), study, question, model, leave_out_bad, as_json)


def paper(
    folder: Annotated[Path, typer.Argument(help="It holds prompt.json and images.", show_default=False)],
    study: Name,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="People's JSON files, or a folder of them.", show_default="those in the folder"),
    ] = None,
    question: Question = imports.QUESTION, model: Model = None, leave_out_bad: LeaveOutBad = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Import what the paper's own code writes, with people's scores. sample.pkl is never opened: a pickle can do
    anything to whoever loads it."""
    _import(PAPER, [folder], scores or (), study, question, model, leave_out_bad, as_json)


def _import(
    format_name: str, files: list[Path], scores: list[Path] | tuple[()], name: str, question: str, model: str | None,
    leave_out_bad: bool, as_json: bool,
) -> None:  # fmt: skip
    steps = _Steps()
    with ensure_servers(get_settings(), "import", say) as settings:
        reader = import_formats.opened(format_name, files, scores)
        sha256 = import_items.content(reader, steps.hashed)
        with transaction() as session:
            row = imports.find(session, format_name=format_name, name=name, sha256=sha256)
            known = row is not None
            if row is None:
                source = {"paths": [str(path.resolve()) for path in files], "leave_out_bad": leave_out_bad}
                chosen = base_models.register(session, source=model, actor=None).id if model else None
                row = imports.ask(
                    session, format_name=format_name, name=name, source=source, question=question,
                    base_model_id=chosen, by_worker=False, actor=None,
                )  # fmt: skip
            goes_on = imports.to_go_on(session, row)
        if not goes_on:
            say("These files were imported under this name before: nothing is imported twice.")
        else:
            _read(settings, reader, row, sha256, steps, known=known)
        with transaction() as session:
            line = imports.line(session, row.id)
    for what, count in line.left_out.items():
        say(_left_out(what, count))
    told = {"study": line.study_id, "round": line.round_id, "pairs": line.pairs, "choices": line.choices}
    if as_json:
        print_json({**told, "left_out": line.left_out})
    else:
        print(f"Study {line.study_id}: {line.name}, {line.pairs} pairs with {line.choices} choices.")


def _read(
    settings: Settings, reader: Reader, row: Import, sha256: str, steps: "_Steps", *, known: bool
) -> None:  # fmt: skip
    artifacts = Artifacts(settings.artifacts)
    try:
        own = f"command-{secrets.token_hex(8)}"
        import_run.run(transaction, artifacts, reader, row.id, own=own, steps=steps, sha256=sha256)
    except BaseException:
        with transaction() as session:
            if not known and imports.get(session, row.id).study_id is None:
                imports.remove(session, artifacts, import_id=row.id, actor=None)
            else:
                say("What is read is kept: run the same command again, and it goes on from there.")
        raise


def _left_out(what: str, count: int) -> str:
    words = {
        "no_label": "rows without a label were left out",
        "bad": "rows that cannot be used were left out",
        "same_picture": "answers on a picture beside itself were left out",
        "said_before": "answers were left out since the same person had answered the same pair",
        "pickle": "pickle was not opened: latents are not imported, and a pickle can do anything to whoever loads it",
    }
    return f"{count} {words.get(what, what)}."


class _Steps:
    """Says every few seconds how far it is."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def hashed(self, done: int, total: int) -> None:
        self._say(f"{done * 100 // max(total, 1)} % of the files hashed …")

    def checked(self, done: int, total: int) -> None:
        self._say(f"{done} of {total} rows checked …")

    def written(self, done: int, total: int) -> None:
        self._say(f"{done} of {total} rows imported …")

    def _say(self, line: str) -> None:
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN:
            self._said = now
            say(line)
