"""The command line, on the tiny finished run."""

import signal
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from scripts.demo_model.__main__ import main
from scripts.demo_model.stages import Run
from scripts.demo_model.stopping import stop_on_signals
from tests.scripts.demo_model.tiny import SIZE


def demo_model(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def test_the_sheet_shows_three_draws_of_each_prompt(finished: Run) -> None:
    assert demo_model("--out", finished.around.folder, "--stage", "sheet", "--device", "cpu").exit_code == 0
    with Image.open(finished.file("sheet.png")) as sheet:
        assert sheet.width > 10 * 2 * SIZE
        assert sheet.height > 2 * 3 * 2 * SIZE


def test_compare_prints_both_models_on_held_out_and_on_seen_pictures(finished: Run) -> None:
    result = demo_model("--out", finished.around.folder, "--compare", finished.file("model"), "--device", "cpu")
    assert result.exit_code == 0
    assert result.output.count("held out") == result.output.count("seen") == 2


def test_a_missing_stage_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    result = demo_model("--out", tmp_path, "--stage", "vae", "--device", "cpu")
    assert result.exit_code == 1
    assert "run `--stage data` first" in result.output


@pytest.mark.parametrize("wrong", [["--stage", "paint"], ["--steps", "9", "--minutes", "1"]])
def test_a_wrong_option_is_refused(tmp_path: Path, wrong: list[str]) -> None:
    assert demo_model("--out", tmp_path, *wrong).exit_code == 2


def test_the_first_signal_asks_and_the_second_interrupts() -> None:
    with stop_on_signals() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
