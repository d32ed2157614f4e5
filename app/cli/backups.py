"""`tastemaker backup` and `restore`: everything there is, into a folder and back."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import out, print_json, say
from app.settings import get_settings
from app.supervisor import whole_backup
from app.supervisor.servers import ensure_servers

Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
GIGABYTE = 1_000_000_000


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (backup, restore):
        app.command()(command)


def backup(
    folder: Annotated[Path, typer.Argument(help="Where it goes: a new folder, or an earlier backup to be renewed.")],
    as_json: Json = False,
) -> None:
    """Save database, files and key into a folder, while the product runs or not."""
    with ensure_servers(get_settings(), "backup", say) as settings:
        made = whole_backup.save(settings, folder.absolute(), say)
    if as_json:
        print_json(asdict(made))
    else:
        size = f"{made.bytes / GIGABYTE:.2f} GB"
        out.print(f"Saved the database and {made.files} files ({size}, {made.copied} of them new) in {folder}.")


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup that `tastemaker backup` wrote.")], as_json: Json = False
) -> None:
    """Fill an empty instance from a backup; one that holds anything is refused."""
    whole_backup.read(folder.absolute())  # before any server is started
    with ensure_servers(get_settings(), "restore", say, migrated=False) as settings:
        made = whole_backup.bring_back(settings, folder.absolute(), say)
    if as_json:
        print_json(asdict(made))
    else:
        out.print(f"Restored the database and {made.files} files of {made.taken_at}. Start it: tastemaker up")
