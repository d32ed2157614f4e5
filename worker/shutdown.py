"""How the worker's parent process tells the child that computes to stop at its next safe point."""

import mmap


class ShutdownFlag:
    """One byte that parent and forked child share.

    Not a multiprocessing event: that has a lock, which a child killed while it holds it would never give back.
    """

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Ask every process that shares the flag to stop. Safe in a signal handler."""
        self._shared[0] = 1

    def is_set(self) -> bool:
        return self._shared[0] == 1
