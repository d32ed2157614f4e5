"""`tastemaker export`: a study's data written to a file or a folder of this machine."""

import time
from pathlib import Path
from typing import Annotated

import typer

from app.artifacts import Artifacts
from app.cli.output import print_json, say
from app.db import transaction
from app.errors import Conflict
from app.services import export_files, export_formats, export_source
from app.services.export_formats import FORMATS
from app.services.export_source import Rounds, Source
from app.settings import get_settings
from app.supervisor.servers import ensure_servers

SECONDS_BETWEEN = 5.0


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(export)


def export(
    study: Annotated[int, typer.Argument(help="The study's id.", show_default=False)],
    format_: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "parquet",
    rounds: Annotated[Rounds, typer.Option(help="Of which rounds: trained on, compared, or both.")] = Rounds.PREFERENCE,
    target: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write; of a format of several files, the folder.", show_default="here"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Write a study's preference data as others read it; annotators are pseudonyms. Nothing is written over."""
    chosen = export_formats.get(format_)
    path = target or Path(f"study-{study}-{chosen.name}{'' if chosen.folder else f'.{chosen.extension}'}")
    if path.exists():
        raise Conflict(f"There is a {path} already.", "Give another name with --out.")
    with ensure_servers(get_settings(), "export", say) as settings:
        with transaction() as session:
            about = export_source.about(session, study)
            chosen.check(session, study, rounds)
        source = Source(
            transaction, Artifacts(settings.artifacts), about, rounds, secret=settings.secret(), told=_Teller()
        )
        if chosen.folder:
            export_files.write_folder(source, chosen, path)
        else:
            export_files.write(source, chosen, path)
    if as_json:
        print_json({"path": str(path), "format": chosen.name, "rounds": rounds.value, "rows": source.written})
    else:
        print(path)


class _Teller:
    """Says every few seconds how many pairs were read."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN:
            self._said = now
            say(f"{done} pairs read …")
