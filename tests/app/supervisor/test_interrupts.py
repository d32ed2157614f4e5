"""What SIGTERM, a closed terminal and Ctrl+C do: one and the same, unless one of them is to be ignored."""

import os
import signal
import time
import weakref

import pytest

from app.supervisor.interrupts import interruptible


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_an_ending_signal_is_an_interrupt(ending: signal.Signals) -> None:
    before = signal.signal(ending, signal.SIG_DFL)  # whoever started the tests may have ignored it
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            os.kill(os.getpid(), ending)
        assert signal.getsignal(ending) is signal.SIG_DFL
    finally:
        signal.signal(ending, before)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_one_that_comes_while_python_drops_exceptions_is_not_lost(ending: signal.Signals) -> None:
    class Held:
        pass

    def collected(reference: weakref.ref[Held]) -> None:
        os.kill(os.getpid(), ending)  # its KeyboardInterrupt is raised in here, from where none gets out

    def work() -> None:
        held = Held()
        watched = weakref.ref(held, collected)
        del held
        assert watched() is None
        time.sleep(10)

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            work()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
