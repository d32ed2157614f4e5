"""`tastemaker checkpoint`: list checkpoints, download their files, tell where they come from."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.artifacts import Artifacts
from app.cli.groups import group
from app.cli.output import out, print_json, say
from app.db import transaction
from app.errors import Conflict
from app.services import checkpoint_folders, checkpoint_views, model_cards
from app.services import provenance as origins
from app.services.checkpoint_views import CheckpointLine
from app.settings import get_settings
from app.supervisor.servers import ensure_servers

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")]


class Format(StrEnum):
    """Who is to read the file."""

    DIFFUSERS = "diffusers"
    KOHYA = "kohya"
    PEFT = "peft"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    commands = group(app, "checkpoint", "Trained LoRA adapters.")
    for name, command in (
        ("list", list_),
        ("download", download),
        ("provenance", provenance),
        ("card", card),
        ("folder", folder),
    ):
        commands.command(name)(command)


def list_(
    study: Annotated[int | None, typer.Option(help="Only those of this study.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the checkpoints, newest first."""
    with ensure_servers(get_settings(), "checkpoint", say), transaction() as session:
        lines = checkpoint_views.lines(session, study_id=study)
    if as_json:
        for line in lines:
            print_json(_view(line))
        return
    table = Table("checkpoint", "study", "number", "round", "run", "pairs", "made", "")
    for line in lines:
        counts = [str(number) for number in (line.number, line.round_number, line.run_number, line.pairs)]
        current = "current" if line.is_current else ""
        table.add_row(str(line.id), line.study_name, *counts, f"{line.created_at:%Y-%m-%d %H:%M}", current)
    out.print(table)


def download(
    checkpoint: Annotated[int, typer.Argument(help="The checkpoint's id.", show_default=False)],
    format_: Annotated[Format, typer.Option("--format", help="Who is to read it.")] = Format.DIFFUSERS,
    target: Annotated[
        Path | None, typer.Option("--out", help="Where to write it; a folder or a new file.", show_default="here")
    ] = None,
) -> None:
    """Write a checkpoint's LoRA to a file. A file that is there already is never written over."""
    with ensure_servers(get_settings(), "checkpoint", say) as settings:
        with transaction() as session:
            stored = checkpoint_views.file(session, checkpoint, format_)
        content = Artifacts(settings.artifacts).get_bytes(stored.key, stored.sha256)
    path = _path(target or Path(), stored.name)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Conflict(f"There is a file {path} already.", "Give another name with --out.") from error
    print(path)


def provenance(
    checkpoint: Annotated[int, typer.Argument(help="The checkpoint's id.", show_default=False)],
) -> None:
    """Print where a checkpoint comes from as one JSON document: every choice, setting, seed, version and hash."""
    with ensure_servers(get_settings(), "checkpoint", say) as settings, transaction() as session:
        told = origins.of_checkpoint(session, checkpoint, secret=settings.secret())
    print(json.dumps(told, ensure_ascii=False, indent=1))


def card(
    checkpoint: Annotated[int, typer.Argument(help="The checkpoint's id.", show_default=False)],
) -> None:
    """Print a checkpoint's model card: Markdown in the conventions of the Hugging Face hub."""
    with ensure_servers(get_settings(), "checkpoint", say) as settings, transaction() as session:
        text = model_cards.text(model_cards.facts(session, checkpoint, secret=settings.secret()))
    print(text, end="")


def folder(
    checkpoint: Annotated[int, typer.Argument(help="The checkpoint's id.", show_default=False)],
    target: Annotated[Path, typer.Argument(help="The folder to make; it must not be there yet.", show_default=False)],
    format_: Annotated[Format, typer.Option("--format", help="Who is to read the LoRA in it.")] = Format.DIFFUSERS,
) -> None:
    """Write a folder with a checkpoint's LoRA, its model card, pictures and provenance, as the hub takes it."""
    with ensure_servers(get_settings(), "checkpoint", say) as settings, transaction() as session:
        files = dict(
            checkpoint_folders.members(
                session, Artifacts(settings.artifacts), checkpoint, format_, secret=settings.secret()
            )
        )
    try:
        target.mkdir(parents=True)
    except FileExistsError as error:
        raise Conflict(f"There is {target} already.", "Name a folder that is not there yet.") from error
    for name, data in files.items():
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    print(target)


def _path(target: Path, name: str) -> Path:
    return target / name if target.is_dir() else target


def _view(line: CheckpointLine) -> dict[str, object]:
    return {
        "id": line.id,
        "study": line.study_id,
        "number": line.number,
        "parent": line.parent_number,
        "round": line.round_id,
        "run": line.run_number,
        "pairs": line.pairs,
        "current": line.is_current,
        "made": line.created_at.isoformat(),
        "adapter_sha256": line.adapter_sha256,
    }
