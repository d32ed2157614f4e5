"""`tastemaker checkpoint push`: the one command on checkpoints that needs a worker of the queue cpu, but not torch."""

from typing import Annotated

import typer

from app import logs
from app.cli.groups import group
from app.cli.output import print_json, say
from app.db import transaction
from app.errors import Refused
from app.models import JobState, Queue
from app.services import pushes
from app.services.pushes import PushLine
from app.settings import get_settings
from app.supervisor import ensure_servers, running_instance
from worker.loop.own_worker import OwnWorker, worker_is_there
from worker.until_done import until_done


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    group(app, "checkpoint", "Trained LoRA adapters.").command("push")(push)


def push(
    checkpoint: Annotated[int, typer.Argument(help="The checkpoint's id.", show_default=False)],
    repo: Annotated[
        str, typer.Option(help="The repository, owner/name; it is made where there is none.", show_default=False)
    ],
    public: Annotated[bool, typer.Option("--public", help="Anyone may see it.")] = False,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Also send every choice behind it, by pseudonym.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Push a checkpoint to the Hugging Face hub: the LoRA for diffusers and kohya, its model card and its pictures.

    Sent as one commit, and none where the repository holds the same already. Needs TASTEMAKER_HUB_TOKEN.
    """
    logs.configure(get_settings())
    alone = running_instance(get_settings().data_dir) is None and get_settings().database_url is None
    with ensure_servers(get_settings(), "checkpoint push", say) as settings:
        with transaction() as session:
            made = pushes.ask(
                session, checkpoint_id=checkpoint, repo=repo, private=not public, provenance=provenance,
                settings=settings, actor=None,
            ).id  # fmt: skip
        needed = alone or not worker_is_there(0.0, Queue.CPU)
        with OwnWorker(settings, say, needed=needed, queue=Queue.CPU) as own:
            line = until_done(lambda: _line(made), own.look_after, _how_far)
    if line.state is not JobState.DONE:
        raise Refused(f"Push {made} did not arrive: {line.error or 'it was called off.'}")
    if as_json:
        told = ("id", "checkpoint_id", "repo", "private", "provenance", "url", "commit")
        print_json({name.removesuffix("_id"): getattr(line, name) for name in told} | {"bytes": line.total})
    else:
        print(line.url)


def _how_far(line: PushLine) -> str:
    return f"{line.done / 1e6:.1f} of {line.total / 1e6:.1f} MB sent"


def _line(push_id: int) -> PushLine:
    with transaction() as session:
        return pushes.get(session, push_id)
