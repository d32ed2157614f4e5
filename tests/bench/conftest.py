"""Benchmarks are tested on one thread, as the worker's tests are."""

from tests.worker.conftest import one_torch_thread

__all__ = ["one_torch_thread"]
