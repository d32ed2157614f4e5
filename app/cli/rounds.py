"""`tastemaker round`: launch rounds, see how far they are, and move them."""

import tomllib
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Protocol

import typer
from sqlalchemy.orm import Session

from app.cli.output import out, print_json, say
from app.db import transaction
from app.errors import BadInput
from app.models import Round, Sampler, User
from app.models.base import Json
from app.services import (
    evaluation_results,
    evaluation_rounds,
    round_moves,
    round_views,
    rounds,
    studies,
    training_views,
)
from app.services.evaluation_results import Result, Verdict
from app.services.round_views import RoundHead
from app.services.training_views import Training
from app.settings import get_settings
from app.supervisor.servers import ensure_servers

AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
RoundId = Annotated[int, typer.Argument(help="The round's id, as `study list --json` shows it.", show_default=False)]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="A training setting to change, such as learning_rate=1e-5.", show_default=False),
]


class Move(Protocol):
    """A move of `round_moves` that an admin makes."""

    def __call__(self, session: Session, *, round_id: int, actor: User | None) -> Round: ...


MOVES: dict[str, tuple[Move, str]] = {
    "pause": (round_moves.pause, "Stand still: no pairs are dealt, workers give their jobs back."),
    "resume": (round_moves.resume, "Go on after a pause."),
    "advance": (round_moves.advance, "Train now, with the choices there are; or end an evaluation round."),
    "cancel": (round_moves.cancel, "End the round for good, without a checkpoint."),
    "train-again": (round_moves.train_again, "Train once more from the choices as they are now."),
}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="Rounds: launch, show, move.", no_args_is_help=True)
    for name, command in (("launch", launch), ("compare", compare), ("show", show), ("retry", retry)):
        group.command(name)(command)
    for name, (move, text) in MOVES.items():
        group.command(name, help=text)(_mover(move))
    app.add_typer(group, name="round")


def launch(
    study: Annotated[int, typer.Argument(help="The study's id.", show_default=False)],
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Groups to draw, if not the study's number.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Launch the study's next round from its current checkpoint."""
    with ensure_servers(get_settings(), "round", say):
        with transaction() as session:
            round_id = rounds.launch(session, study_id=study, pairs=pairs, actor=None).id
        _print(round_id, as_json)


def compare(
    study: Annotated[int, typer.Argument(help="The study's id.", show_default=False)],
    policy: Annotated[
        int | None,
        typer.Option(min=0, help="Number of a checkpoint, 0 for the base; else the current one.", show_default=False),
    ] = None,
    against: Annotated[int, typer.Option(min=0, help="Number of the other, 0 for the base.")] = 0,
    sampler: Annotated[Sampler, typer.Option(help="How the pictures are drawn that are compared.")] = Sampler.STUDY,
    pairs: Annotated[int | None, typer.Option(min=1, help="Pairs to compare, if not all.", show_default=False)] = None,
    choices: Annotated[
        int | None, typer.Option(min=1, max=100, help="Choices on each, if not the study's number.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let people compare two policies of a study blindly; nothing is trained."""
    with ensure_servers(get_settings(), "round", say):
        with transaction() as session:
            current = studies.get(session, study).current_checkpoint_id
            round_id = evaluation_rounds.launch(
                session, study_id=study,
                checkpoint_id=current if policy is None else evaluation_rounds.policy(session, study, policy),
                other_checkpoint_id=evaluation_rounds.policy(session, study, against), sampler=sampler, pairs=pairs,
                choices_per_pair=choices, actor=None,
            ).id  # fmt: skip
        _print(round_id, as_json)


def show(round_id: RoundId, as_json: AsJson = False) -> None:
    """Say where a round stands and what can be done with it."""
    with ensure_servers(get_settings(), "round", say):
        _print(round_id, as_json)


def retry(round_id: RoundId, changes: Changes = None, as_json: AsJson = False) -> None:
    """Go on where it failed; with --set, train anew on the same choices with other settings."""
    settings = dict(_setting(text) for text in changes or [])

    def move(session: Session) -> Round:
        if settings:
            return round_moves.retry_with(session, round_id=round_id, training=settings, actor=None)
        return round_moves.retry(session, round_id=round_id, actor=None)

    _move(round_id, move, as_json)


def _mover(made: Move) -> Callable[[RoundId, AsJson], None]:
    def command(round_id: RoundId, as_json: AsJson = False) -> None:
        _move(round_id, lambda session: made(session, round_id=round_id, actor=None), as_json)

    return command


def _move(round_id: int, move: Callable[[Session], Round], as_json: bool) -> None:
    with ensure_servers(get_settings(), "round", say):
        with transaction() as session:
            move(session)
        _print(round_id, as_json)


def _print(round_id: int, as_json: bool) -> None:
    with transaction() as session:
        head = round_views.head(session, round_id)
        training = training_views.of_round(session, round_id)
        compared = evaluation_results.of_round(session, round_id) if head.line.sampler else None
    if as_json:
        print_json(_view(head, training, compared))
        return
    line = head.line
    out.print(f"Round {line.id}: {head.study_name}, {line.kind} {line.number}, {_standing(head)}")
    out.print(f"drawn {line.groups_drawn} of {line.groups} groups; {line.pairs_closed} of {line.pairs_planned} pairs")
    if training is not None:
        out.print(f"training run {training.run.number}: {training.run.state}, {training.run.steps_done} steps")
    if compared is not None:
        out.print(_said(compared))
    out.print(f"can: {', '.join(sorted(head.moves)) or 'nothing more'}")


def _standing(head: RoundHead) -> str:
    line = head.line
    hold = "" if line.hold == "none" else f" ({line.hold})"
    return f"{line.state}{hold}{f': {line.hold_reason}' if line.hold_reason else ''}"


def _said(found: Result) -> str:
    """A comparison's result in a line."""
    rate, (low, high) = found.tally.rate, found.tally.rate.interval
    names = [f"checkpoint {one.number}" if one.number else "the base" for one in (found.policy, found.other)]
    if rate.value is None:
        return f"{names[0]} against {names[1]}: nobody has decided yet"
    told = f"{names[0]} against {names[1]}: {rate.value:.1%} of {rate.of} choices ({low:.1%} to {high:.1%})"
    if found.verdict is Verdict.SETTLED:
        return f"{told}, settled"
    return f"{told}, about {found.more} more would settle it" if found.more else f"{told}, too close to be settled"


def _view(head: RoundHead, training: Training | None, compared: Result | None) -> Json:
    line = head.line
    run = training.run if training else None
    return {
        "id": line.id,
        "study": line.study_id,
        "kind": line.kind.value,
        "number": line.number,
        "state": line.state.value,
        "hold": line.hold.value,
        "reason": line.hold_reason,
        "groups": line.groups,
        "groups_drawn": line.groups_drawn,
        "pairs": line.pairs_planned,
        "pairs_closed": line.pairs_closed,
        "run": run and {"number": run.number, "state": run.state.value, "steps": run.steps_done},
        "checkpoint": line.made,
        "comparison": compared and _compared(compared),
        "moves": sorted(head.moves),
    }


def _compared(found: Result) -> Json:
    rate, (low, high) = found.tally.rate, found.tally.rate.interval
    figures = {"rate": rate.value, "low": low, "high": high, "verdict": found.verdict.value, "more": found.more}
    policies = {"policy": found.policy.number, "other_policy": found.other.number, "sampler": found.sampler.value}
    return policies | asdict(found.tally) | figures


def _setting(text: str) -> tuple[str, object]:
    """`name=value` with the value as TOML writes it; raises `BadInput`."""
    name, separator, value = text.partition("=")
    try:
        if not separator:
            raise ValueError("no =")
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except ValueError as error:
        raise BadInput(f"{text!r} is no setting.", "Write name=value, such as --set learning_rate=1e-5.") from error
