"""`tastemaker user`: add people, list them, make links and invites, set a password."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table

from app.cli.output import out, print_json, say
from app.db import transaction
from app.models import LinkPurpose, Role, User
from app.services import accounts, invites, links, people, personal_tokens, scopes, sign_in
from app.services.scopes import Scope
from app.settings import Settings, get_settings
from app.supervisor.lock import running_instance
from app.supervisor.servers import ensure_servers

Handle = Annotated[str, typer.Argument(help="Name or e-mail address that the person is known by.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    users = typer.Typer(help="People who answer pairs or run studies.", no_args_is_help=True)
    for name, command in COMMANDS.items():
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
        _print_link(settings, user, link_token, LinkPurpose.SIGN_IN, as_json)


def link(handle: Handle, as_json: Json = False) -> None:
    """Print a new link that signs a person in, once."""
    _make_link(handle, LinkPurpose.SIGN_IN, as_json)


def reset_link(handle: Handle, as_json: Json = False) -> None:
    """Print a link with which a person sets a new password, once, within a day."""
    _make_link(handle, LinkPurpose.RESET, as_json)


def password(handle: Handle) -> None:
    """Set a person's password, which is asked for; it signs them out everywhere."""
    given = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    with ensure_servers(get_settings(), "user", say), transaction() as session:
        user = accounts.by_handle(session, handle)
        sign_in.set_password(session, user=user, password=given, keep=None, actor=None)
    say(f"The password of {handle} is set.")


def invite(
    role: Annotated[Role, typer.Option(help="What people may do who come in by it.")] = Role.ANNOTATOR,
    study: Annotated[int | None, typer.Option(help="Id of the study it leads to.", show_default=False)] = None,
    uses: Annotated[int | None, typer.Option(help="How many people it lets in; any number if not given.")] = None,
    days: Annotated[int, typer.Option(help="For how many days it works.")] = 30,
    name: Annotated[str, typer.Option(help="Name in the list of invites.")] = "From the command line",
    account: Annotated[bool, typer.Option("--account", help="Ask for an account, not for a name alone.")] = False,
    as_json: Json = False,
) -> None:
    """Print a link by which people come in. It is shown once."""
    with ensure_servers(get_settings(), "user", say) as settings:
        with transaction() as session:
            made, made_token = invites.make(
                session, name=name, actor=None, role=role, study_id=study, needs_account=account, max_uses=uses,
                days=days,
            )  # fmt: skip
        address = f"{_site(settings)}/join/{made_token}"
    if as_json:
        print_json({"id": made.id, "role": role.value, "expires": made.expires_at.isoformat(), "link": address})
        return
    people_let_in = f"{uses} people" if uses else "any number of people"
    say(f"This link lets {people_let_in} in as {role.value}, for {days} days. It is shown once:")
    print(address)


def token(
    handle: Handle,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may be used for; all that the role allows if not given.")
    ] = None,
    days: Annotated[int, typer.Option(help="For how many days it works.")] = 30,
    name: Annotated[str, typer.Option(help="Name in its owner's list.")] = "From the command line",
    judge: Annotated[
        bool, typer.Option("--judge", help="For a judge of your own, made now: its answers count as a judge's.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a token with which scripts act as this person (Authorization: Bearer …). It is shown once."""
    with ensure_servers(get_settings(), "user", say), transaction() as session:
        user = accounts.judge(session, name=handle) if judge else accounts.by_handle(session, handle)
        wanted = scope or scopes.of_role(user)
        row, made = personal_tokens.make(session, user=user, name=name, wanted=wanted, days=days, actor=None)
        session.refresh(row)
    if as_json:
        print_json({"id": row.id, "scopes": row.scopes, "expires": row.expires_at.isoformat(), "token": made})
        return
    revoked = "" if judge else f" {handle} can revoke it at /account/tokens."
    say(f"Good for {days} days, for {', '.join(row.scopes)}.{revoked} Shown once:")
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
        people.disable(session, user=accounts.by_handle(session, handle), actor=None)
    out.print(f"{handle} is signed out everywhere and cannot sign in any more.")


def _make_link(handle: str, purpose: LinkPurpose, as_json: bool) -> None:
    with ensure_servers(get_settings(), "user", say) as settings:
        with transaction() as session:
            user = accounts.by_handle(session, handle)
            link_token = links.make(session, user=user, purpose=purpose, actor=None)
        _print_link(settings, user, link_token, purpose, as_json)


def _print_link(settings: Settings, user: User, token: str, purpose: LinkPurpose, as_json: bool) -> None:
    address = f"{_site(settings)}/{PATHS[purpose]}/{token}"
    days = links.LIFETIMES[purpose].days
    if as_json:
        print_json({**_view(user), "link": address})
        return
    if purpose is LinkPurpose.RESET:
        say(f"With this link {user.handle} sets a new password, once, within {days} day:")
    else:
        say(f"This link signs {user.handle} in as {user.role.value}, once, within {days} days:")
    print(address)


def _site(settings: Settings) -> str:
    running = running_instance(settings.data_dir)
    return (running and running.site_url) or settings.site_url


def _view(user: User) -> dict[str, object]:
    return {
        "handle": user.handle,
        "role": user.role.value,
        "added": user.created_at.isoformat(),
        "disabled": user.disabled_at is not None,
    }


PATHS = {LinkPurpose.SIGN_IN: "sign-in", LinkPurpose.RESET: "reset"}
COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "list": list_,
    "link": link,
    "reset-link": reset_link,
    "password": password,
    "invite": invite,
    "token": token,
    "disable": disable,
}
