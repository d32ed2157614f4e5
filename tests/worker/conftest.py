"""What the worker's tests share: one torch thread, and the demo model that the product ships with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.artifacts import Artifacts
from app.settings import Settings, activate


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Several test processes share the machine; one thread each is also what makes results equal to the bit."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def demo_model() -> Path:
    """The demo pipeline's folder."""
    return Path(__file__).parents[2] / "demo" / "model"


@pytest.fixture
def active(settings: Settings) -> Iterator[Settings]:
    """The test's settings in force, with leases so short that a lost job is taken over soon."""
    quick = settings.with_values(heartbeat_seconds=0.2, job_lease_seconds=2)
    with activate(quick):
        yield quick


@pytest.fixture
def artifacts(active: Settings) -> Artifacts:
    """The stored files of the test's own folder."""
    return Artifacts(active.artifacts)
