"""`tastemaker up`: everything on one machine, from the servers to the workers, under one supervisor."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from app.settings import Settings, activate
from app.supervisor.child import Child, ChildSpec
from app.supervisor.interrupts import interruptible, unhurried
from app.supervisor.leftovers import end_leftovers
from app.supervisor.lock import InstanceLock
from app.supervisor.logs import Say
from app.supervisor.migration import migrate
from app.supervisor.ports import refuse_taken_port
from app.supervisor.processes import QUEUES, Site, Worker
from app.supervisor.servers import EmbeddedServers, refuse_silent_broker, with_addresses
from app.supervisor.watch import watch


class Part(Protocol):
    """A process of the product, before it runs."""

    @property
    def spec(self) -> ChildSpec: ...
    def wait_ready(self, child: Child) -> None: ...


def product(settings: Settings, *, workers: bool = True) -> list[Part]:
    """The site and, with `workers`, one worker for each queue."""
    return [Site(settings), *(Worker(settings, queue) for queue in QUEUES if workers)]


def up(
    settings: Settings,
    say: Say,
    *,
    parts: Callable[[Settings], Sequence[Part]] = product,
    on_ready: Callable[[Settings], None] = lambda settings: None,
) -> None:
    """Start everything in order, call `on_ready` when the parts answer, watch until Ctrl+C or SIGTERM, stop in order.

    Servers whose address the settings give are used as they are. Raises `Refused` where the data folder is in use, the
    port is taken, or the database cannot be upgraded, and `Unavailable` where a child will not stay up.
    """
    with ExitStack() as stack, interruptible():
        lock = InstanceLock(settings.data_dir, "up")
        stack.callback(lock.release)
        end_leftovers(settings.data_dir, say)
        refuse_taken_port(settings.host, settings.port)
        try:
            _run(settings, lock, say, parts, on_ready, stack)
        except KeyboardInterrupt:
            say("Stopping…")
        finally:
            with unhurried(say):
                stack.close()


def _run(
    settings: Settings,
    lock: InstanceLock,
    say: Say,
    parts: Callable[[Settings], Sequence[Part]],
    on_ready: Callable[[Settings], None],
    stack: ExitStack,
) -> None:
    if settings.broker_url is not None:
        refuse_silent_broker(settings.broker_url)
    servers = EmbeddedServers(
        settings.data_dir, postgres=settings.database_url is None, valkey=settings.broker_url is None, say=say
    )
    stack.callback(servers.stop)
    servers.start()
    settings = with_addresses(settings, servers.database_url, servers.broker_url)
    stack.enter_context(activate(settings))
    migrate(settings, say)
    lock.announce(database_url=settings.database_url, broker_url=settings.broker_url)
    started: list[Child] = []
    stack.callback(stop_all, started)
    for part in parts(settings):
        child = Child(part.spec, settings.data_dir, say)
        started.append(child)
        child.start()
        part.wait_ready(child)
    lock.announce(site_url=settings.site_url)
    on_ready(settings)
    watch([*servers.children, *started], say)


def stop_all(children: list[Child]) -> None:
    """Stop the parts side by side, the site first; the servers are still there for what they have to write."""
    for child in children:
        child.ask_to_end()
    for child in children:
        child.stop()
