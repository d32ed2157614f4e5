"""A run that is stopped, crashes or is killed ends with the same weights and the same record as one left alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scripts.demo_model import metrics, stages
from scripts.demo_model.errors import DemoModelError, Interrupted
from tests.scripts.demo_model.tiny import do, tiny_run

PHASES = ("vae", "unet-all", "unet-narrow")


def assert_same_run(run: stages.Run, undisturbed: stages.Run, *phases: str) -> None:
    for phase in phases:
        mine, theirs = (load_file(each.around.checkpoint(phase)) for each in (run, undisturbed))
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert _record(run, phases) == _record(undisturbed, phases)


def _record(run: stages.Run, phases: tuple[str, ...]) -> list[dict[str, object]]:
    rows = metrics.read(run.around.metrics)
    return [{key: row[key] for key in row.keys() - {"seconds"}} for row in rows if row["phase"] in phases]


def test_a_run_stopped_in_every_phase_goes_on_to_the_bit(tmp_path: Path, finished: stages.Run) -> None:
    def stop_at_step(number: int) -> Callable[[], bool]:
        asked = iter(range(100))
        return lambda: next(asked) == number

    do(tiny_run(tmp_path), "tokenizer")
    for names, number in ((["vae"], 5), (["vae", "latents", "unet"], 3), (["unet"], 6)):
        with pytest.raises(Interrupted, match="stopped and saved at step"):
            do(tiny_run(tmp_path, should_stop=stop_at_step(number)), *names)
    do(tiny_run(tmp_path), "unet")
    assert_same_run(tiny_run(tmp_path), finished, *PHASES)


def test_a_run_killed_between_checkpoints_goes_on_to_the_bit(tmp_path: Path, finished: stages.Run) -> None:
    command = [sys.executable, "-m", "tests.scripts.demo_model.tiny", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "five steps\n"
        os.kill(process.pid, signal.SIGKILL)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"phase": "vae", "st')  # a row that the kill cut short
    do(tiny_run(tmp_path), "vae")
    assert_same_run(tiny_run(tmp_path), finished, "vae")


def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path, finished: stages.Run) -> None:
    run = tiny_run(tmp_path)
    run.around.checkpoint("vae").parent.mkdir()
    run.around.checkpoint("vae").write_bytes(finished.around.checkpoint("vae").read_bytes())
    changed = run.pictures()
    changed.rgba[0, 0, 0, 0] ^= 1
    changed.save(run.file("pictures.safetensors"))
    with pytest.raises(DemoModelError, match="another recipe or on other data"):
        do(run, "vae")
