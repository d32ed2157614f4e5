"""The commands that need torch: `worker` and `loop`. torch itself is loaded only by the process that computes."""

import platform
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from app import logs
from app.artifacts import Artifacts
from app.cli.output import out, print_json, say
from app.errors import BadInput
from app.models import Queue
from app.settings import Settings, get_settings
from app.supervisor import ensure_servers, running_instance
from worker import judges, judges_cli, judging, pushes_cli, reproduce_cli
from worker.extra import require_extra
from worker.loop import report
from worker.loop.own_worker import OwnWorker, worker_is_there
from worker.loop.run import Loop, Plan

STARTING_S = 15.0  # within which the worker of an instance that is starting says that it is there


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (worker, loop):
        app.command()(command)
    reproduce_cli.register(app)
    pushes_cli.register(app)
    judges_cli.register(app)


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


def loop(
    judge: Annotated[str, typer.Option(help=f"Who answers: {', '.join(judges.names())}.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to run.")] = 10,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs drawn in each round.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The study's seed.")] = 0,
    study: Annotated[
        Path | None, typer.Option(help="A study file instead of the demo model.", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where table, curve and grid go.", show_default="in the data folder")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for the base and each round.")
    ] = False,
) -> None:
    """Run rounds with a judge in the annotators' place, and evaluate each on the study's evaluation set."""
    require_extra()
    plan = Plan(_judge(judge), rounds=rounds, pairs=pairs, seed=seed, study_file=study)
    logs.configure(get_settings())
    instance = running_instance(get_settings().data_dir)
    patience = STARTING_S if instance is not None and instance.command == "up" else 0.0
    alone = instance is None and get_settings().database_url is None
    with (
        ensure_servers(get_settings(), "loop", say) as settings,
        OwnWorker(settings, say, needed=alone or not worker_is_there(patience)) as own_worker,
    ):
        _run(Loop(plan, settings, own_worker), settings, folder, as_json)


def _judge(name: str) -> judges.Judge:
    try:
        return judging.ready(name)
    except judges.JudgeError as error:
        raise BadInput(str(error), fields={"judge": "is not installed"}) from error


def _run(work: Loop, settings: Settings, folder: Path | None, as_json: bool) -> None:
    """Print each line as it comes and keep the files up to date, so that Ctrl+C loses nothing."""
    title = f"{work.study.name}: {work.plan.rounds} rounds of {work.plan.pairs} pairs"
    files = report.Report(
        folder or settings.data_dir / "loops" / str(work.study.id), judge=work.plan.judge, title=title,
        study_id=work.study.id, artifacts=Artifacts(settings.artifacts),
    )  # fmt: skip
    say(f"Study {work.study.id}: {title}. Files go to {files.folder}.")
    lines = []
    for line in work.lines():
        lines.append(line)
        files.write(lines)
        if as_json:
            print_json(line.as_json())
        else:
            say(f"round {line.round}: {line.eval_score:.3f} {work.plan.judge.unit}")
    if not as_json:
        table = Table(*report.HEADER, box=SIMPLE, padding=(0, 0), caption=report.legend(work.plan.judge))
        for line in lines:
            table.add_row(*report.cells(line))
        out.print(table)
