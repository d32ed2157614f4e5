"""Where this process computes, and with how many threads."""

from functools import cache

import torch

from app.settings import get_settings
from worker.d3po.loading import resolve_device
from worker.heartbeat import Memory, machine_memory


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


def memory() -> Memory:
    """Bytes used and there: of the GPU, whoever uses them; of the machine where it computes on the CPU."""
    kind = device()
    if kind.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(kind)
        return total - free, total
    return machine_memory()


def threads() -> int:
    """CPU threads that are computed with."""
    device()
    return torch.get_num_threads()
