"""`tastemaker user`: add people, list them, and make links that sign them in."""

from typing import Annotated

import typer
from rich.table import Table

from app.cli.output import out, print_json, say
from app.db import transaction
from app.models import LinkPurpose, Role, User
from app.services import accounts, links
from app.settings import Settings, get_settings
from app.supervisor.lock import running_instance
from app.supervisor.servers import ensure_servers

Handle = Annotated[str, typer.Argument(help="Name or e-mail address that the person is known by.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    users = typer.Typer(help="People who answer pairs or run studies.", no_args_is_help=True)
    for name, command in (("add", add), ("list", list_), ("link", link), ("token", token), ("disable", disable)):
        users.command(name)(command)
    app.add_typer(users, name="user")


def add(
    handle: Handle,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.ANNOTATOR,
    name: Annotated[str | None, typer.Option(help="Name to show, if not the handle.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Add a person and print a link that signs them in, once."""
    with ensure_servers(get_settings(), "user", say) as settings:
        with transaction() as session:
            user = accounts.add(session, handle=handle, role=role, display_name=name, actor=None)
            link_token = links.make(session, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)
        _print_link(settings, user, link_token, as_json)


def link(handle: Handle, as_json: Json = False) -> None:
    """Print a new link that signs a person in, once."""
    with ensure_servers(get_settings(), "user", say) as settings:
        with transaction() as session:
            user = accounts.by_handle(session, handle)
            link_token = links.make(session, user=user, purpose=LinkPurpose.SIGN_IN, actor=None)
        _print_link(settings, user, link_token, as_json)


def token(handle: Handle) -> None:
    """Print a token for scripts, which act as this person (Authorization: Bearer …) until it ends or is signed out."""
    with ensure_servers(get_settings(), "user", say):
        with transaction() as session:
            made = accounts.make_token(session, user=accounts.by_handle(session, handle), actor=None)
        say(
            f"Good for {accounts.SESSION_LIFETIME.days} days, or until {handle} signs out everywhere. It is shown once:"
        )
        print(made)


def list_(as_json: Json = False) -> None:
    """List everyone."""
    with ensure_servers(get_settings(), "user", say), transaction() as session:
        people = accounts.people(session)
    if as_json:
        for user in people:
            print_json(_view(user))
        return
    table = Table("name", "role", "added", "")
    for user in people:
        state = "disabled" if user.disabled_at else ""
        table.add_row(user.handle, user.role.value, f"{user.created_at:%Y-%m-%d}", state)
    out.print(table)


def disable(handle: Handle) -> None:
    """Keep a person out from now on; what they answered stays."""
    with ensure_servers(get_settings(), "user", say), transaction() as session:
        accounts.disable(session, user=accounts.by_handle(session, handle), actor=None)
    out.print(f"{handle} is signed out everywhere and cannot sign in any more.")


def _print_link(settings: Settings, user: User, token: str, as_json: bool) -> None:
    running = running_instance(settings.data_dir)
    site = (running and running.site_url) or settings.site_url
    address = f"{site}/sign-in/{token}"
    if as_json:
        print_json({**_view(user), "link": address})
    else:
        days = links.LIFETIMES[LinkPurpose.SIGN_IN].days
        say(f"This link signs {user.handle} in as {user.role.value}, once, within {days} days:")
        print(address)


def _view(user: User) -> dict[str, object]:
    return {
        "handle": user.handle,
        "role": user.role.value,
        "added": user.created_at.isoformat(),
        "disabled": user.disabled_at is not None,
    }
