"""The most memory that a piece of work takes, on a GPU or in the process."""

from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil
import torch

PAUSE_S = 0.02


class PeakMemory:
    """`bytes` is, once the context is left, the most that was taken within it beyond what was taken before.

    On CUDA by torch's own count; else by the process's resident memory, looked at every 20 ms.
    """

    def __init__(self, device: str) -> None:
        self.bytes = 0
        self._cuda = device if device.startswith("cuda") else None
        self._before = 0
        self._left = Event()
        self._thread = Thread(target=self._watch, name="peak", daemon=True)

    def __enter__(self) -> Self:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats(self._cuda)
            self._before = torch.cuda.memory_allocated(self._cuda)
        else:
            self._before = psutil.Process().memory_info().rss
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cuda:
            self.bytes = torch.cuda.max_memory_allocated(self._cuda) - self._before
            return
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.bytes = max(self.bytes, process.memory_info().rss - self._before)
            if self._left.wait(PAUSE_S):
                return
