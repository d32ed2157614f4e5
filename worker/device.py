"""Where this process computes, and with how many threads."""

from functools import cache

import torch

from app.settings import get_settings
from worker.d3po.loading import resolve_device


@cache
def device() -> str:
    """The device of the settings, resolved, with the process's threads set: both once, before anything is computed."""
    settings = get_settings()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return resolve_device(settings.device)


def describe() -> str:
    """The device in words, for pages and provenance: `cpu, 2 threads`, `cuda (NVIDIA H100)`."""
    kind = device()
    if kind.startswith("cuda"):
        return f"{kind} ({torch.cuda.get_device_name(kind)})"
    return f"{kind}, {torch.get_num_threads()} threads"


def threads() -> int:
    """CPU threads that are computed with."""
    device()
    return torch.get_num_threads()
