"""People: who they are, their role and access, links and invites for them. All of it is for admins."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tastemaker.client.http import Http

Role = Literal["annotator", "researcher", "admin"]


@dataclass(frozen=True)
class Person:
    """An account, or a guest who is known by a name to show."""

    id: int
    handle: str
    display_name: str
    email: str | None
    role: Role
    is_guest: bool
    created_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None
    choices: int


@dataclass(frozen=True)
class AddedPerson(Person):
    """Someone new. `link` signs them in once, and is told this once."""

    link: str


@dataclass(frozen=True)
class Invite:
    """An invite; its link is only told when it is made."""

    id: int
    name: str
    role: Role
    study_id: int | None
    needs_account: bool
    state: Literal["open", "used_up", "expired", "revoked"]
    uses: int
    max_uses: int | None
    choices_wanted: int | None
    return_url: str | None
    completion_code: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class MadeInvite(Invite):
    """A new invite with its link, which is told this once."""

    link: str


class People:
    """`client.people`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self, *, named: str = "") -> Iterator[Person]:
        """Newest first; those whose name or e-mail has `named` in it."""
        return self._http.pages(Person, "/users", named=named)

    def get(self, person: int) -> Person:
        return self._http.one(Person, "GET", f"/users/{person}")

    def add(self, handle: str, *, email: str | None = None, role: Role = "annotator") -> AddedPerson:
        """Add someone whom you know; the e-mail is taken as theirs."""
        return self._http.one(AddedPerson, "POST", "/users", body={"handle": handle, "email": email, "role": role})

    def change(self, person: int, *, role: Role | None = None, disabled: bool | None = None) -> Person:
        """Another role; `disabled` keeps them out, or lets them in again."""
        return self._http.one(Person, "PATCH", f"/users/{person}", body={"role": role, "disabled": disabled})

    def link(self, person: int, purpose: Literal["sign_in", "reset", "personal"] = "sign_in") -> str:
        """A new link of theirs: it is told this once."""
        made: str = self._http.json("POST", f"/users/{person}/links", body={"purpose": purpose})["link"]
        return made

    def sign_out(self, person: int) -> None:
        """End every session and every token of theirs."""
        self._http.json("POST", f"/users/{person}/sign-out")


class Invites:
    """`client.invites`: links that let people in whom you need not know."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self, name: str, *, role: Role = "annotator", study: int | None = None, needs_account: bool = False,
        max_uses: int | None = None, days: int = 30, choices_wanted: int | None = None, return_url: str | None = None,
        completion_code: str | None = None,
    ) -> MadeInvite:  # fmt: skip
        body = {
            "name": name, "role": role, "study": study, "needs_account": needs_account, "max_uses": max_uses,
            "days": days, "choices_wanted": choices_wanted, "return_url": return_url,
            "completion_code": completion_code,
        }  # fmt: skip
        return self._http.one(MadeInvite, "POST", "/invites", body=body)

    def all(self) -> Iterator[Invite]:
        """Newest first, those that are over or taken back, too."""
        return self._http.pages(Invite, "/invites")

    def revoke(self, invite: int) -> Invite:
        """It lets nobody in any more; who came in stays."""
        return self._http.one(Invite, "POST", f"/invites/{invite}/revoke")
