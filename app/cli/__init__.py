"""The `tastemaker` command: it gathers its commands from the entry points `tastemaker.commands`.

Exit codes: 0 done; 1 failed; 2 wrong input or settings; 3 not allowed; 4 not found; 5 refused or in conflict; 7 a part
is not available; 8 a stored file is damaged; 130 interrupted.
"""

import errno
import sys
from importlib.metadata import EntryPoint, entry_points

import typer

from app.cli.output import report, say
from app.errors import OutOfSpace, TastemakerError
from app.supervisor.interrupts import interruptible

GROUP = "tastemaker.commands"
INTERRUPTED = 130


def main() -> None:
    """Run the command line. Our own errors become a message and an exit code; SIGTERM ends a command as Ctrl+C does."""
    try:
        with interruptible():
            build()(standalone_mode=True)
    except TastemakerError as error:
        report(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        report(OutOfSpace(f"The disk is full: {error}.", "Free some space and run this again; nothing stored is lost."))
        sys.exit(OutOfSpace.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def build() -> typer.Typer:
    """The command line with every command that is installed."""
    app = typer.Typer(
        name="tastemaker",
        help="Teach a text-to-image model a group's taste: people choose between pictures, D3PO trains a LoRA.",
        epilog=" ".join(str(__doc__).split("\n\n")[1].split()),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        _register(app, entry)
    return app


def _register(app: typer.Typer, entry: EntryPoint) -> None:
    """Add the commands of one entry point; one that cannot be imported is said, and takes no other command with it."""
    try:
        register = entry.load()
    except ImportError as error:
        say(f"The commands of {entry.value} are not available: {error}")
        return
    register(app)
