"""PostgreSQL and Valkey for as long as a process needs them: `up`, a command, a test, a benchmark."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from app.errors import Unavailable
from app.settings import Settings, activate
from app.supervisor.child import Child, ChildSpec
from app.supervisor.leftovers import end_leftovers
from app.supervisor.lock import Instance, InstanceLock, in_use, make_private_folder, running_instance, wait_for_users
from app.supervisor.logs import Say
from app.supervisor.migration import migrate
from app.supervisor.postgres import Postgres
from app.supervisor.readiness import PortTaken
from app.supervisor.valkey import Valkey

TRIES = 3
ADDRESSES_S = 60.0


class Server(Protocol):
    """A server of ours, before it has a process."""

    @property
    def url(self) -> str: ...
    @property
    def spec(self) -> ChildSpec: ...
    def prepare(self) -> None: ...
    def wait_ready(self, child: Child) -> None: ...


class EmbeddedServers:
    """The embedded servers on `data_dir`, from `start` (or `with`) to `stop`.

    `postgres` and `valkey` say which of the two; `durable=False` is for data that is thrown away. The caller holds the
    folder's lock, or knows that nobody else has the folder. Raises `Unavailable` where one will not run.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        durable: bool = True,
        say: Say = lambda line: None,
    ) -> None:
        self.children: list[Child] = []
        self.database_url: str | None = None
        self.broker_url: str | None = None
        self._data_dir = data_dir.absolute()
        self._wanted = (postgres, valkey)
        self._durable = durable
        self._say = say

    def start(self) -> None:
        """Start what is wanted, after ending what a killed run left."""
        make_private_folder(self._data_dir)
        end_leftovers(self._data_dir, self._say)
        postgres, valkey = self._wanted
        try:
            if postgres:
                self.database_url = self._start(lambda: Postgres(self._data_dir, durable=self._durable))
            if valkey:
                self.broker_url = self._start(lambda: Valkey(self._data_dir))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop them, the last one first."""
        while self.children:
            self.children.pop().stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, make: Callable[[], Server]) -> str:
        """Start one server and return its address; where its port was taken in the meantime, try with another."""
        for _ in range(TRIES - 1):
            try:
                return self._try(make())
            except PortTaken:
                continue
        return self._try(make())

    def _try(self, server: Server) -> str:
        server.prepare()
        child = Child(server.spec, self._data_dir, self._say)
        self.children.append(child)
        child.start()
        try:
            server.wait_ready(child)
        except BaseException:
            self.children.remove(child)
            child.stop()
            raise
        return server.url


@contextmanager
def ensure_servers(
    settings: Settings, command: str, say: Say = lambda line: None, *, migrated: bool = True
) -> Iterator[Settings]:
    """The settings of a database and a broker that answer, in force for this process while the context lasts.

    Those that the environment names, else those of the instance that runs on the data folder, else embedded ones, which
    are started, migrated (unless `migrated` is false), and stopped at the end, once no other command uses them.
    `command` is who we are to others.
    """
    with ExitStack() as stack:
        if settings.database_url is None or settings.broker_url is None:
            settings = _found(settings, stack) or _started(settings, command, say, stack, migrated)
        with activate(settings):
            yield settings


def _found(settings: Settings, stack: ExitStack) -> Settings | None:
    """The settings on the running instance's servers, if there is one."""
    instance = _wait_for_addresses(settings.data_dir)
    if instance is None:
        return None
    stack.enter_context(in_use(settings.data_dir))
    return with_addresses(settings, instance.database_url, instance.broker_url)


def _wait_for_addresses(data_dir: Path) -> Instance | None:
    """The running instance once its servers answer; None where there is none, or it ends meanwhile."""
    deadline = time.monotonic() + ADDRESSES_S
    while (instance := running_instance(data_dir)) is not None:
        if instance.database_url is not None and instance.broker_url is not None:
            return instance
        if time.monotonic() > deadline:
            raise Unavailable(
                f"`tastemaker {instance.command}` (process {instance.pid}) is not up after {ADDRESSES_S:.0f} s.",
                f"See {data_dir / 'logs'}; stop it and try again.",
            )
        time.sleep(0.1)
    return None


def _started(settings: Settings, command: str, say: Say, stack: ExitStack, migrated: bool) -> Settings:
    """The settings on servers of our own, which the stack stops."""
    lock = InstanceLock(settings.data_dir, command)
    stack.callback(lock.release)
    servers = EmbeddedServers(
        settings.data_dir, postgres=settings.database_url is None, valkey=settings.broker_url is None, say=say
    )
    stack.enter_context(servers)
    stack.callback(wait_for_users, settings.data_dir)
    settings = with_addresses(settings, servers.database_url, servers.broker_url)
    if migrated:
        migrate(settings, say)
    lock.announce(database_url=settings.database_url, broker_url=settings.broker_url)
    return settings


def refuse_silent_broker(url: str) -> None:
    """Raise `Unavailable` where the broker does not answer."""
    from kombu.connection import (
        Connection,
    )  # here: most starts have a broker of their own and need not wait for the import
    from kombu.exceptions import OperationalError

    try:
        with Connection(url, connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except OperationalError as error:
        raise Unavailable(
            f"The broker does not answer: {error}.", "Check TASTEMAKER_BROKER_URL and that its server runs."
        ) from error


def with_addresses(settings: Settings, database_url: str | None, broker_url: str | None) -> Settings:
    """The settings with these addresses where the environment names none."""
    return settings.with_values(
        database_url=settings.database_url or database_url, broker_url=settings.broker_url or broker_url
    )
