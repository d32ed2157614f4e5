"""`tastemaker study`, `round` and `checkpoint` as a script types them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import Artifacts
from app.cli import main
from app.db import sessions_on, transaction
from app.errors import BadInput
from app.models import Hold, Round, RoundState
from app.services import study_files
from app.settings import Settings, activate
from tests import builders, scenes
from tests.comparisons import ONE, OTHER, comparison, judged

DEMO_MODEL = Path(__file__).parents[3] / "demo" / "model"
FILE = """
name = "Mascots"
question = "Which one?"
model = "{model}"
prompts = "prompts.txt"
preset = "demo"
seed = 3
[sampling]
groups = 5
"""


class CommandLine:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.said = ""

    def __call__(self, *arguments: str) -> int:
        """Run it: the exit code."""
        self._monkeypatch.setattr(sys, "argv", ["tastemaker", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self._capsys.readouterr()
        self.said = printed.out + printed.err
        return int(ended.value.code or 0)

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """Run it with --json: what each line says."""
        assert self(*arguments, "--json") == 0
        return [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]


@pytest.fixture
def line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    with activate(settings):
        yield CommandLine(monkeypatch, capsys)
    sessions_on(settings.require_database_url()).kw["bind"].dispose()
    sessions_on.cache_clear()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("cat face\ntrain: owl\n" + "very " * 90 + "long prompt\n")
    return path


def test_a_study_on_ones_own_model_and_prompts(line: CommandLine, prompts: Path) -> None:
    options = ("--name", "Mine", "--model", str(DEMO_MODEL), "--prompts", str(prompts), "--seed", "4")
    (made,) = line.json("study", "create", *options)
    assert (made["name"], made["seed"], made["prompts_over_limit"]) == ("Mine", 4, [2])
    assert "1 prompts are longer than the model reads" in line.said
    (listed,) = line.json("study", "list")
    assert (listed["id"], listed["question"], listed["rounds"]) == (made["id"], "Which picture is better?", 0)


def test_a_study_from_a_file_and_a_round_through_its_moves(line: CommandLine, prompts: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(FILE.format(model=DEMO_MODEL))
    (study,) = line.json("study", "create", "--file", str(file))
    (launched,) = line.json("round", "launch", str(study["id"]))
    number = str(launched["id"])
    assert (launched["state"], launched["groups"]) == ("generating", 5)
    assert line("round", "launch", str(study["id"])) == 5
    assert "A round of this study is open already." in line.said
    (paused,) = line.json("round", "pause", number)
    assert (paused["hold"], paused["moves"]) == ("paused", ["cancel", "resume"])
    assert line("round", "resume", number) == 0
    assert line("round", "cancel", number) == 0
    assert line.json("round", "show", number)[0]["state"] == "cancelled"
    assert line("round", "show", "999") == 4


def test_two_policies_are_compared_and_the_result_is_told(line: CommandLine) -> None:
    with transaction() as session:
        study = builders.study(session)
        scenes.checkpoint(session, study)
        other = comparison(session, study, study.current_checkpoint_id, None)
        judged(session, other, ONE, ONE, ONE, OTHER)
    (launched,) = line.json("round", "compare", str(study.id), "--pairs", "2", "--choices", "3", "--sampler", "ddim")
    assert (launched["kind"], launched["groups"]) == ("evaluation", 2)
    told = launched["comparison"]
    assert (told["policy"], told["other_policy"], told["sampler"], told["verdict"]) == (1, 0, "ddim", "nothing")
    assert line("round", "compare", str(study.id), "--policy", "0") == 2
    assert line("round", "compare", str(study.id), "--policy", "9") == 4
    assert line("round", "show", str(other.id)) == 0
    assert "checkpoint 1 against the base: 75.0% of 4 choices (30.1% to 95.4%), about 12 more would settle it" in (
        " ".join(line.said.split())
    )


def test_retry_with_other_settings_starts_a_new_run(line: CommandLine) -> None:
    with transaction() as session:
        round_ = builders.round_(
            session, state=RoundState.TRAINING, hold=Hold.FAILED, hold_reason="The loss is not finite."
        )
        run = builders.training_run(session, round_id=round_.id)
        run.state, run.end_reason = "failed", "The loss is not finite."  # type: ignore[assignment]
    assert line("round", "retry", str(round_.id), "--set", "learning_rate") == 2
    assert "'learning_rate' is no setting." in line.said
    (shown,) = line.json("round", "retry", str(round_.id), "--set", "learning_rate=1e-6")
    assert (shown["hold"], shown["run"]["number"]) == ("none", 2)
    with transaction() as session:
        assert session.get_one(Round, round_.id).hold is Hold.NONE


def test_a_checkpoint_is_listed_and_downloaded_once(line: CommandLine, settings: Settings, tmp_path: Path) -> None:
    stored = Artifacts(settings.artifacts).put_bytes("studies/1/lora.safetensors", b"weights")
    file = {"name": "lora.safetensors", "key": stored.key, "size": stored.size, "sha256": stored.sha256}
    with transaction() as session:
        checkpoint = builders.checkpoint(session, files={"diffusers": file})
    (listed,) = line.json("checkpoint", "list")
    assert listed["id"] == checkpoint.id
    assert line("checkpoint", "download", str(checkpoint.id), "--out", str(tmp_path)) == 0
    assert (tmp_path / "lora.safetensors").read_bytes() == b"weights"
    assert line("checkpoint", "download", str(checkpoint.id), "--out", str(tmp_path)) == 5
    assert line("checkpoint", "download", str(checkpoint.id), "--format", "kohya", "--out", str(tmp_path)) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "cannot be read as a study"),
        ('name = "A"', "question is missing, model is missing, prompts is missing"),
        (FILE.format(model="x").replace("seed", "sed"), "there is no such entry: sed"),
        ('name = 3\nquestion = "?"\nmodel = "m"\nprompts = "p"', "name must be a text"),
        (FILE.format(model="x").replace("prompts.txt", "none.txt"), "The prompt file .*none.txt cannot be read"),
    ],
)
def test_a_study_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(BadInput, match=said):
        study_files.read(tmp_path / "study.toml")


def test_where_a_checkpoint_comes_from_and_its_folder_for_the_hub(
    line: CommandLine, settings: Settings, tmp_path: Path
) -> None:
    with transaction() as session:
        made = scenes.checkpoint(session, builders.study(session), draws=1, artifacts=Artifacts(settings.artifacts))
    number = str(made.id)
    assert line("checkpoint", "provenance", number) == 0
    assert json.loads(line.said)["checkpoint"]["adapter_sha256"] == made.adapter_sha256
    assert line("checkpoint", "card", number) == 0
    assert line.said.startswith("---\nlibrary_name")
    folder = tmp_path / "lora"
    assert line("checkpoint", "folder", number, str(folder), "--format", "kohya") == 0
    assert (folder / "README.md").read_text() == line_after(line, "checkpoint", "card", number)
    assert {path.name for path in folder.iterdir()} == {"README.md", "provenance.json", "images", "lora.safetensors"}
    assert line("checkpoint", "folder", number, str(folder)) == 5
    assert line("checkpoint", "card", "999") == 4


def line_after(line: CommandLine, *arguments: str) -> str:
    """What it prints."""
    assert line(*arguments) == 0
    return line.said
