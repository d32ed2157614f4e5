"""What SIGTERM, a closed terminal and Ctrl+C do: one and the same."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.supervisor.logs import Say

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.05


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal raise KeyboardInterrupt, as Ctrl+C does, so that contexts are left in order.

    A signal that is ignored stays so: `nohup` means that a closed terminal ends nothing.
    """
    heard = [ending for ending in ENDINGS if signal.getsignal(ending) is not signal.SIG_IGN]
    before = {ending: signal.signal(ending, signal.default_int_handler) for ending in heard}
    try:
        with _insistent(heard):
            yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


@contextmanager
def _insistent(heard: list[signal.Signals]) -> Iterator[None]:
    """Signal again where Python drops a KeyboardInterrupt: none leaves a finalizer or a weak reference's callback."""
    outer = sys.unraisablehook

    def once_more(dropped: "sys.UnraisableHookArgs") -> None:
        if heard and issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(AGAIN_S, signal_again).start()
        else:
            outer(dropped)

    def signal_again() -> None:
        if signal.getsignal(heard[0]) is signal.default_int_handler:
            os.kill(os.getpid(), heard[0])

    sys.unraisablehook = once_more
    try:
        yield
    finally:
        sys.unraisablehook = outer


@contextmanager
def unhurried(say: Say) -> Iterator[None]:
    """Finish stopping whatever signal comes meanwhile; each part has its limit, after which it is killed."""

    def already(number: int, frame: FrameType | None) -> None:
        say("Already stopping; each part has a few seconds.")

    before = {ending: signal.signal(ending, already) for ending in (*ENDINGS, signal.SIGINT)}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
