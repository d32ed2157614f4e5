"""The commands that need torch: `worker` and `loop`. torch itself is loaded only by the process that computes."""

import importlib.util
import platform
from typing import Annotated

import typer

from app import logs
from app.cli.output import say
from app.errors import Unavailable
from app.models import Queue
from app.settings import get_settings
from app.supervisor import ensure_servers

PACKAGES = ("torch", "diffusers", "peft", "transformers", "safetensors")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (worker,):
        app.command()(command)


def worker(
    queue: Annotated[Queue, typer.Option(help="Which jobs to take.")] = Queue.ACCELERATOR,
    name: Annotated[
        str | None, typer.Option(help="The worker's name, unique among workers.", show_default=False)
    ] = None,
) -> None:
    """Run a worker: it takes one job after the other until Ctrl+C or SIGTERM, which gives the last one back."""
    from worker.celery_app import serve
    from worker.claims import Identity

    if queue is Queue.ACCELERATOR:
        require_extra()
    logs.configure(get_settings())
    with ensure_servers(get_settings(), "worker", say) as settings:
        code = serve(settings, Identity(name or f"{queue.value}@{platform.node()}", queue))
    raise typer.Exit(code)


def require_extra() -> None:
    """Raise `Unavailable` where the packages that compute are not installed."""
    missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise Unavailable(
            f"This needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            'Install the worker\'s extra: pip install "tastemaker[worker]".',
        )
