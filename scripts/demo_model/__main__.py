"""`python -m scripts.demo_model`: the command line."""

from pathlib import Path
from typing import Annotated

import diffusers
import transformers
import typer
from rich.console import Console

from scripts.demo_model.budget import Budget
from scripts.demo_model.compare import compare
from scripts.demo_model.compute import choose_compute
from scripts.demo_model.errors import DemoModelError, Interrupted
from scripts.demo_model.recipe import Recipe
from scripts.demo_model.stages import STAGES, Run
from scripts.demo_model.trainer import Surroundings

SHIPPED_MINUTES = 86.0


def main(
    out: Annotated[Path, typer.Option(help="Folder of the run: data, checkpoints, metrics, sheets and model/.")],
    stage: Annotated[str, typer.Option(help=f"One of {', '.join(STAGES)}, or all in this order.")] = "all",
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes of training in all phases together.")] = None,
    steps: Annotated[int | None, typer.Option(min=3, help="Optimizer steps in all phases, instead of minutes.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 …")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16, for the forward passes.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of weights, batches, captions and noise.")] = 0,
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between checkpoints, held-out figures and sheets.")
    ] = 500,
    packages: Annotated[Path | None, typer.Option(help="Folder of the two npm tarballs, if not OUT/packages.")] = None,
    compare_with: Annotated[
        list[Path] | None,
        typer.Option("--compare", help="Only print figures of this model beside OUT/model; repeatable."),
    ] = None,
) -> None:
    """Make the demo model out of two npm packages. The same command again goes on where it was stopped.

    Without --minutes and --steps it trains as long as the shipped model was trained, 86 minutes.
    """
    if minutes is not None and steps is not None:
        raise typer.BadParameter("choose --minutes or --steps, not both")
    if stage not in ("all", *STAGES):
        raise typer.BadParameter(f"there is no stage {stage!r}: choose all, {', '.join(STAGES)}")
    diffusers.utils.logging.disable_progress_bar()  # the run has its own
    transformers.utils.logging.disable_progress_bar()
    console = Console(highlight=False)
    budget = Budget(steps, "steps") if steps is not None else Budget(60 * (minutes or SHIPPED_MINUTES), "seconds")
    try:
        around = Surroundings(out, choose_compute(device, precision), save_every, console)
        run = Run(Recipe(seed=seed), budget, packages or out / "packages", around)
        if compare_with:
            made = [out / "model"] if (out / "model").exists() else []
            compare([*compare_with, *made], run.pictures(), around.compute.device, console)
        else:
            make(run, stage)
    except DemoModelError as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
    except (Interrupted, KeyboardInterrupt) as stopped:
        console.print(str(stopped) or "Stopped. The same command goes on.")
        raise typer.Exit(130) from stopped


def make(run: Run, stage: str) -> None:
    """Run one stage, or all of them."""
    run.around.folder.mkdir(parents=True, exist_ok=True)
    for name, work in STAGES.items():
        if stage in ("all", name):
            run.around.console.print(f"[bold]{name}[/bold]")
            work(run)


if __name__ == "__main__":
    typer.run(main)
