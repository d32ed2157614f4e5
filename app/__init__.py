"""The site and all that it shares with the worker."""

from app import logs

logs.before_settings()  # left as it comes, structlog prints local variables, secrets among them, in tracebacks
