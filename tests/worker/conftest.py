"""What the worker's tests share: one torch thread, and the demo model that the product ships with."""

from collections.abc import Iterator
from pathlib import Path

import pytest


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
