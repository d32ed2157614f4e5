"""`tastemaker study`: make studies and list them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.output import out, print_json, say
from app.db import transaction
from app.errors import BadInput
from app.models import Study
from app.services import study_files, study_views
from app.services.study_files import StudyDraft
from app.services.study_views import StudyCard
from app.settings import get_settings
from app.study_settings import preset_names
from app.supervisor.servers import ensure_servers

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")]
Name = Annotated[str | None, typer.Option(help="The study's name.", show_default=False)]
Question = Annotated[str, typer.Option(help="What annotators are asked.")]
Model = Annotated[str | None, typer.Option(help="A pipeline's folder, or a hub id.", show_default=False)]
Revision = Annotated[str | None, typer.Option(help="Revision of a hub id.", show_default=False)]
Prompts = Annotated[Path | None, typer.Option(help="A text file, one prompt a line.", show_default=False)]
Preset = Annotated[str, typer.Option(help=f"Settings to begin with: {', '.join(preset_names())}.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all noise; drawn if not given.", show_default=False)]
File = Annotated[Path | None, typer.Option(help="A TOML file with all of this, instead.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    studies = typer.Typer(help="Questions put to annotators about a model and its prompts.", no_args_is_help=True)
    for name, command in (("create", create), ("list", list_), ("export", export)):
        studies.command(name)(command)
    app.add_typer(studies, name="study")


def create(
    name: Name = None, question: Question = "Which picture is better?", model: Model = None,
    revision: Revision = None, prompts: Prompts = None, preset: Preset = "paper", seed: Seed = None,
    file: File = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Make a study on a model and a prompt file. Prompts that the model's tokenizer would cut are kept, and said."""
    draft = study_files.read(file) if file else _draft(name, question, model, revision, prompts, preset, seed)
    with ensure_servers(get_settings(), "study", say), transaction() as session:
        study = study_files.store(session, draft, actor=None)
    if study.prompts_over_limit:
        say(f"{len(study.prompts_over_limit)} prompts are longer than the model reads; their ends have no effect.")
    if as_json:
        print_json(_made(study))
    else:
        out.print(f"Study {study.id}: {study.name}. Launch a round: tastemaker round launch {study.id}")


def list_(as_json: Json = False) -> None:
    """List the studies, newest first."""
    with ensure_servers(get_settings(), "study", say), transaction() as session:
        cards = study_views.cards(session)
    if as_json:
        for card in cards:
            print_json(_view(card))
        return
    table = Table("study", "name", "base model", "rounds", "checkpoints", "choices", "open")
    for card in cards:
        open_rounds = ", ".join(f"{line.kind} {line.number}: {line.state}" for line in card.open_rounds)
        counts = [str(number) for number in (card.rounds, card.checkpoints, card.choices)]
        table.add_row(str(card.id), card.name, card.base_model, *counts, open_rounds)
    out.print(table)


def export(study: Annotated[int, typer.Argument(help="The study's number.")]) -> None:
    """Print a study's settings, model and prompts as the TOML file that `study create --file` reads."""
    with ensure_servers(get_settings(), "study", say), transaction() as session:
        text = study_files.write(study_files.of_study(session, study))
    typer.echo(text, nl=False)


def _draft(
    name: str | None, question: str, model: str | None, revision: str | None, prompts: Path | None, preset: str,
    seed: int | None,
) -> StudyDraft:  # fmt: skip
    if name is None or model is None or prompts is None:
        raise BadInput("A study needs a name, a model and prompts.", "Give --name, --model and --prompts, or --file.")
    lines = study_files.read_prompts(prompts)
    return StudyDraft(name, question, model, lines, revision=revision, preset=preset, seed=seed, settings={})


def _made(study: Study) -> dict[str, object]:
    return {"id": study.id, "name": study.name, "seed": study.seed, "prompts_over_limit": study.prompts_over_limit}


def _view(card: StudyCard) -> dict[str, object]:
    return {
        "id": card.id,
        "name": card.name,
        "question": card.question,
        "base_model": card.base_model,
        "rounds": card.rounds,
        "checkpoints": card.checkpoints,
        "choices": card.choices,
        "open_rounds": [line.id for line in card.open_rounds],
    }
