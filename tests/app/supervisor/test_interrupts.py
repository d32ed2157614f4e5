"""What SIGTERM, a closed terminal and Ctrl+C do: one and the same, unless one of them is to be ignored."""

import os
import signal

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


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
