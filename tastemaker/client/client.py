"""The client: a site as one token sees it."""

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from tastemaker.client.annotating import Annotating
from tastemaker.client.annotators import Annotators
from tastemaker.client.checkpoints import Checkpoints, Samples
from tastemaker.client.exports import Exports, Preferences
from tastemaker.client.house import House
from tastemaker.client.http import Http
from tastemaker.client.imports import Imports
from tastemaker.client.judges import Judges
from tastemaker.client.known_answers import KnownAnswers
from tastemaker.client.payments import Payments
from tastemaker.client.people import Invites, People
from tastemaker.client.playground import Playground
from tastemaker.client.prompts import Prompts
from tastemaker.client.pushes import Pushes
from tastemaker.client.rounds import Rounds
from tastemaker.client.scorings import Scorings
from tastemaker.client.shapes import Event, Me
from tastemaker.client.studies import BaseModels, Studies
from tastemaker.client.tries import Tries
from tastemaker.client.webhooks import Webhooks

SITE, TOKEN = "TASTE_SITE", "TASTE_TOKEN"


class Client:
    """A Tastemaker site. Close it, or use it as a context.

    `timeout` is in seconds of silence; `retries` counts further tries after a fault of the connection, made only where
    asking twice does no harm.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = 30.0, retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        self._http = Http(url, token, timeout=timeout, retries=retries, transport=transport)
        self.studies = Studies(self._http)
        self.rounds = Rounds(self._http)
        self.checkpoints = Checkpoints(self._http)
        self.pushes = Pushes(self._http)
        self.samples = Samples(self._http)
        self.preferences = Preferences(self._http)
        self.exports = Exports(self._http)
        self.imports = Imports(self._http)
        self.judges = Judges(self._http)
        self.scorings = Scorings(self._http)
        self.annotating = Annotating(self._http)
        self.annotators = Annotators(self._http)
        self.base_models = BaseModels(self._http)
        self.prompts = Prompts(self._http)
        self.playground = Playground(self._http)
        self.tries = Tries(self._http)
        self.known_answers = KnownAnswers(self._http)
        self.people = People(self._http)
        self.invites = Invites(self._http)
        self.payments = Payments(self._http)
        self.webhooks = Webhooks(self._http)
        self.house = House(self._http)

    @classmethod
    def from_environment(cls) -> Self:
        """Of the site in TASTE_SITE with the token in TASTE_TOKEN. Raises `KeyError` where they are not set."""
        return cls(os.environ[SITE], os.environ[TOKEN])

    def me(self) -> Me:
        """Who the token's owner is."""
        return self._http.one(Me, "GET", "/me")

    def events(self, *, study: int | None = None, who: str = "", kind: str = "") -> Iterator[Event]:
        """The history, newest first: of a study, of actors with `who` in their name, of a `kind` of object (`rounds`).
        For admins."""
        return self._http.pages(Event, "/events", study=study, who=who, kind=kind)

    def call(self, method: str, path: str, *, params: dict[str, Any] | None = None, body: Any = None) -> Any:
        """Any other operation that `/api/v1/openapi.json` describes, by its path after `/api/v1`: its JSON as it is."""
        return self._http.json(method, path, params=params, body=body)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
