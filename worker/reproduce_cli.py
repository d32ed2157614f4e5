"""`tastemaker checkpoint reproduce`: the one command on checkpoints that needs torch."""

from typing import TYPE_CHECKING, Annotated

import typer

from app import logs
from app.artifacts import Artifacts
from app.cli.groups import group
from app.cli.output import print_json, say
from app.db import transaction
from app.services import provenance
from app.settings import get_settings
from app.supervisor import ensure_servers
from worker.extra import require_extra

if TYPE_CHECKING:
    from worker.reproduction import Reproduction


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    group(app, "checkpoint", "Trained LoRA adapters.").command("reproduce")(reproduce)


def reproduce(
    checkpoint: Annotated[int, typer.Argument(help="The checkpoint's id.", show_default=False)],
    with_ancestors: Annotated[
        bool, typer.Option("--ancestors", help="Also those it descends from, the first one first.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Go on where trajectories that are gone come out differently here.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line for each checkpoint.")] = False,
) -> None:
    """Train a checkpoint again from its record, and say whether it is identical to the bit or how far off.

    Changes nothing that is stored. Ends with 0 only where each came out the same and all that is stored is as it was
    recorded, else with 1.
    """
    require_extra()
    from worker.reproduction import reproduce as train_again

    logs.configure(get_settings())
    with ensure_servers(get_settings(), "checkpoint", say) as settings:
        with transaction() as session:
            provenance.behind(session, checkpoint)
            line = [one.id for one in provenance.ancestors(session, checkpoint)] if with_ancestors else [checkpoint]
        stand = []
        for number in line:
            found = train_again(number, Artifacts(settings.artifacts), anyway=anyway, say=say)
            stand.append(found.stands)
            if as_json:
                print_json(found.as_json())
            else:
                print("\n".join(_lines(found)))
    raise typer.Exit(0 if all(stand) else 1)


def _lines(found: "Reproduction") -> list[str]:
    """What came out, for people."""
    how = f"{found.steps} optimizer steps in {found.seconds:.0f} s"
    if found.identical:
        lines = [f"Checkpoint {found.checkpoint}: identical to the bit ({how})."]
    elif found.max_difference is None:
        lines = [f"Checkpoint {found.checkpoint}: not the same; how far off cannot be told ({how})."]
    else:
        far = f"at most {found.max_difference:.3g}, {found.relative_difference or 0:.3%} of its norm"
        lines = [f"Checkpoint {found.checkpoint}: not the same; off by {far} ({how})."]
    if found.first_step_apart is not None:
        lines.append(f"  The run left the recorded one at optimizer step {found.first_step_apart}.")
    if found.drawn_again:
        lines.append(f"  {found.drawn_again} of {found.trajectories} trajectories were drawn again.")
    lines += [f"  Not as recorded: {one}." for one in found.differs]
    lines += [f"  Here: {name} {two['here']}, recorded {two['recorded']}." for name, two in found.elsewhere.items()]
    return lines
