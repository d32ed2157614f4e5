from pathlib import Path

import pytest
import torch

from scripts.demo_model.stages import Run
from tests.scripts.demo_model.tiny import TRAINING_STAGES, do, tiny_run


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny run that nothing disturbed: six steps in each phase, up to the exported model."""
    folder: Path = tmp_path_factory.mktemp("finished")
    run = tiny_run(folder)
    do(run, *TRAINING_STAGES)
    return run
