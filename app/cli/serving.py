"""Commands that run the product: `up`, `serve`, `migrate`, `doctor`; `backup` and `restore` beside them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app.cli import backups
from app.cli.doctor import as_table
from app.cli.output import out, print_json, say
from app.db import transaction
from app.errors import Refused, Unavailable
from app.loopback import is_loopback
from app.models import LinkPurpose
from app.services import accounts, demo, links, system_check
from app.settings import Settings, get_settings, read_settings
from app.supervisor.backup import restore
from app.supervisor.migration import head_revision, revision_of
from app.supervisor.migration import migrate as migrate_database
from app.supervisor.ports import refuse_taken_port
from app.supervisor.processes import GRACE_S
from app.supervisor.servers import ensure_servers
from app.supervisor.up import Part, product
from app.supervisor.up import up as run_everything

Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on (TASTEMAKER_HOST).", show_default=False)]
Port = Annotated[int | None, typer.Option(help="Port to listen on (TASTEMAKER_PORT).", show_default=False)]
DataDir = Annotated[Path | None, typer.Option(help="Data folder (TASTEMAKER_DATA_DIR).", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (up, serve, migrate, doctor):
        app.command()(command)
    backups.register(app)


def up(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    worker: Annotated[bool, typer.Option(help="Also run a worker for each queue.")] = True,
    demo_study: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Make the demo study where there is no study yet.")
    ] = True,
) -> None:
    """Start everything on this machine: servers, site and workers. Ctrl+C stops it all."""
    settings = _settings(host=host, port=port, data_dir=data_dir)
    if worker and find_spec("torch") is None:
        raise Unavailable(
            "A worker needs torch, which is not installed.",
            'Install it: pip install "tastemaker[worker]", or start without a worker: tastemaker up --no-worker.',
        )

    def parts(ready: Settings) -> list[Part]:
        """The product's processes, on a database that has its demo study by then."""
        if demo_study:
            with transaction() as session:
                demo.ensure(session)
        return product(ready, workers=worker)

    run_everything(settings, say, parts=parts, on_ready=_welcome)


def serve(
    host: Host = None,
    port: Port = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer requests.")] = 1,
) -> None:
    """Run the site alone, on the servers that the settings name (else on embedded ones)."""
    settings = _settings(host=host, port=port)
    refuse_taken_port(settings.host, settings.port)
    with ensure_servers(settings, "serve", say):
        uvicorn.run(
            "app.main:create_served_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=processes,
            log_level=settings.log_level,
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
            access_log=False,  # addresses carry sign-in tokens
        )


def migrate(
    backup: Annotated[bool, typer.Option(help="Dump the database into the data folder before changing it.")] = True,
    source: Annotated[
        Path | None, typer.Option("--restore", help="First fill the empty database from this dump.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the database to this version's schema."""
    with ensure_servers(get_settings(), "migrate", say, migrated=False) as settings:
        before = revision_of(settings)
        if source is not None:
            _restore_into_empty(settings, before, source)
        migrate_database(settings, say, backup=backup and source is None)
    if as_json:
        print_json({"from": before, "to": head_revision()})
    else:
        out.print(f"The database is at revision {head_revision()}.")


def doctor(as_json: Json = False) -> None:
    """Check what the product needs on this machine. Exit code 1 where something is missing that has to be there."""
    found = system_check.of_machine(get_settings())
    if as_json:
        print_json([check.as_dict() for check in found])
    else:
        out.print(as_table(found))
    if any(check.state == "fail" for check in found):
        raise typer.Exit(1)


def _settings(**options: object) -> Settings:
    """The environment's settings under the options that were given."""
    return read_settings(**{name: value for name, value in options.items() if value is not None})


def _welcome(settings: Settings) -> None:
    """Where the site is, and how its first admin signs in where that does not happen by itself."""
    say(f"Tastemaker is at {settings.site_url} (Ctrl+C stops it).")
    if settings.first_admin is None and settings.local_admin and is_loopback(settings.host):
        return
    with transaction() as session:
        if settings.first_admin is not None:
            token = accounts.first_admin_link(session, handle=settings.first_admin)
        else:
            token = links.make(session, user=accounts.local_admin(session), purpose=LinkPurpose.SIGN_IN, actor=None)
    if token is not None:
        say(f"Sign in as admin, once: {settings.site_url}/sign-in/{token}")


def _restore_into_empty(settings: Settings, revision: str | None, source: Path) -> None:
    if revision is not None:
        raise Refused(
            f"The database holds data already (revision {revision}); a dump is only restored into an empty one.",
            f"Stop everything, rename {settings.data_dir / 'postgres'}, and run this again.",
        )
    restore(settings, source)
    say(f"Restored {source}.")
