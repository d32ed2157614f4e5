"""`tastemaker judge`: which judges this machine has, a judge sent through pictures, and how far judges say what people
say."""

from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from app.cli.output import out, print_json, say
from app.db import transaction
from app.errors import BadInput, Refused
from app.models import JobState
from app.services import judge_agreement, scorings, studies, tallies
from app.services.judge_agreement import Agreement
from app.services.judge_figures import Correlation
from app.services.measures import Share
from app.services.scorings import ScoringLine
from app.settings import get_settings
from app.supervisor import ensure_servers, running_instance
from worker import judges, judging
from worker.judges import BrokenJudgeError, Judge
from worker.loop.own_worker import OwnWorker, worker_is_there
from worker.until_done import until_done

Round = Annotated[
    int | None, typer.Option("--round", help="Id of a round; without, all of the study.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StudyId = Annotated[int, typer.Argument(help="The study's id.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="Judges: scoring functions, and how far they say what people say.", no_args_is_help=True)
    for name, command in (("list", list_), ("score", score), ("agreement", agreement)):
        group.command(name)(command)
    app.add_typer(group, name="judge")


def list_(as_json: AsJson = False) -> None:
    """The judges that are installed here, and any that cannot be loaded."""
    found = list(judges.installed())
    if as_json:
        print_json([_told(one) for one in found])
        return
    table = Table("Judge", "Better", "Unit", "What it measures", box=SIMPLE, padding=(0, 1))
    for one in found:
        if isinstance(one, BrokenJudgeError):
            table.add_row("?", "–", "", str(one))
        else:
            better = "larger" if judges.larger_is_better(one) else "smaller"
            table.add_row(one.name, better, one.unit, judges.about(one))
    out.print(table)


def score(
    study: StudyId,
    judge: Annotated[str, typer.Option(help="Which judge is to score.", show_default=False)],
    round_: Round = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
    as_json: AsJson = False,
) -> None:
    """Send a judge through the pictures of a study or of one round; what it has scored already stays."""
    found = _found(judge)
    alone = running_instance(get_settings().data_dir) is None and get_settings().database_url is None
    with ensure_servers(get_settings(), "judge score", say) as settings:
        if found is not None:
            with transaction() as session:
                judging.tell(session, found)
        with transaction() as session:
            made = scorings.ask(session, study_id=study, judge=judge, round_id=round_, actor=None).id
            queue = scorings.get(session, made).queue
        needed = wait and (alone or not worker_is_there(0.0, queue))
        with OwnWorker(settings, say, needed=needed, queue=queue) as own:
            line = until_done(lambda: _line(made), own.look_after, _how_far) if wait else _line(made)
    if wait and line.state is not JobState.DONE:
        raise Refused(f"Scoring {made} ended: {line.error or 'it was called off'}")
    if as_json:
        print_json(
            {"scoring": line.id, "state": line.state.value, "scored": line.scored, "unreadable": line.unreadable}
        )
    else:
        say(f"{judge}: {line.scored} pictures scored, {line.unreadable} could not be read ({line.state.value}).")


def agreement(study: StudyId, round_: Round = None, as_json: AsJson = False) -> None:
    """How far each judge says what people say, with intervals of 95 %."""
    with ensure_servers(get_settings(), "judge agreement", say):
        with transaction() as session:
            studies.get(session, study)
            tallies.catch_up(session)
        with transaction() as session:
            found = judge_agreement.of_study(session, study, round_id=round_)
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    table = Table("Judge", "Right", "Correlation", "Of ranks", "Pairs", box=SIMPLE, padding=(0, 1))
    for one in found:
        table.add_row(
            one.judge, _share(one.accuracy), _correlation(one.pearson), _correlation(one.spearman), str(one.pairs)
        )
    out.print(table)


def _found(name: str) -> Judge | None:
    """The judge as it is installed here; None where only other machines have it. Raises `BadInput` for a broken one."""
    if name not in judges.names():
        return None
    try:
        return judges.find(name)
    except BrokenJudgeError as error:
        raise BadInput(str(error), fields={"judge": "cannot be loaded"}) from error


def _told(one: Judge | BrokenJudgeError) -> dict[str, object]:
    if isinstance(one, BrokenJudgeError):
        return {"error": str(one)}
    return {
        "name": one.name, "about": judges.about(one), "unit": one.unit,
        "larger_is_better": judges.larger_is_better(one), "needs_device": judges.needs_device(one),
    }  # fmt: skip


def _how_far(line: ScoringLine) -> str:
    return f"{line.done} of {line.total} pictures"


def _line(scoring_id: int) -> ScoringLine:
    with transaction() as session:
        return scorings.get(session, scoring_id)


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} ({low:.1%} … {high:.1%})" if share.value is not None else "–"


def _correlation(found: Correlation | None) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} … {found.high:+.2f})" if found else "–"


def _as_json(one: Agreement) -> dict[str, object]:
    low, high = one.accuracy.interval
    return {
        "judge": one.judge,
        "pairs": one.pairs,
        "accuracy": {"value": one.accuracy.value, "low": low, "high": high, "of": one.accuracy.of},
        "pearson": vars(one.pearson) if one.pearson else None,
        "spearman": vars(one.spearman) if one.spearman else None,
        "table": {f"{judge}_{people}": pairs for (judge, people), pairs in one.table.items()},
    }
