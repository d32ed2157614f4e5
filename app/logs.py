"""Log lines: one way for every process, for people or for machines, as the settings say; and who else hears them."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

import structlog

from app.settings import Settings

Listener = Callable[[structlog.typing.EventDict], object]

_listener: ContextVar[Listener | None] = ContextVar("log_listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let `listener` hear every line of this context, too, before it is rendered. What it raises keeps nobody from
    logging."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def before_settings() -> None:
    """Write our own lines as `configure` does, for people, until settings are read (where they ever are)."""
    _configure("console", logging.INFO)


def configure(settings: Settings) -> None:
    """Write our own lines, and other libraries' through `logging`, to standard error from the set level on."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    _configure(settings.log_format, level)
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(asctime)s [%(levelname)s] %(name)s: %(message)s"
    )


def _configure(log_format: str, level: int) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        _hear,
    ]
    structlog.configure(
        processors=[*shared, *_rendering(log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _hear(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if (listener := _listener.get()) is not None:
        with suppress(Exception):
            listener(event)
    return event


def _rendering(log_format: str) -> list[structlog.typing.Processor]:
    """Tracebacks are without local variables: among them are tokens, passwords and other people's words."""
    if log_format == "json":
        trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(trace), structlog.processors.JSONRenderer()]
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return [plain]
