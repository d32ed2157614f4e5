"""Log lines: one way for every process, for people or for machines, as the settings say."""

import logging
import sys

import structlog

from app.settings import Settings


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
    ]
    structlog.configure(
        processors=[*shared, *_rendering(log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _rendering(log_format: str) -> list[structlog.typing.Processor]:
    """Tracebacks are without local variables: among them are tokens, passwords and other people's words."""
    if log_format == "json":
        trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(trace), structlog.processors.JSONRenderer()]
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return [plain]
