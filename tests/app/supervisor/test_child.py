import os
import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.supervisor.child import Child, ChildSpec, StopStep
from tests.app.supervisor.running import gone, wait_until

SLEEP = "import time; print('awake', flush=True); time.sleep(3600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
# Its own child ignores the signal that ends the parent, and says where it is.
PARENT = (
    "import subprocess, sys, time; "
    f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}], stdout=subprocess.DEVNULL); "
    "print('child', child.pid, flush=True); time.sleep(3600)"
)


def python(code: str, name: str = "child", **spec: object) -> ChildSpec:
    return ChildSpec(name, [sys.executable, "-c", code], **spec)  # type: ignore[arg-type]


def said(child: Child, text: str) -> str:
    wait_until(lambda: text in child.log.tail(), child.log.tail)
    return child.log.tail()


def test_it_runs_until_it_is_stopped(tmp_path: Path) -> None:
    child = Child(python(SLEEP), tmp_path)
    child.start()
    said(child, "awake")
    assert child.exit_code() is None
    child.stop()
    assert child.exit_code() == -signal.SIGTERM
    assert list((tmp_path / "run").iterdir()) == []


def test_one_that_does_not_listen_is_asked_step_by_step(tmp_path: Path) -> None:
    child = Child(python(DEAF, stop=(StopStep(signal.SIGTERM, 0.2), StopStep(signal.SIGINT, 10))), tmp_path)
    child.start()
    said(child, "awake")
    child.stop()
    assert child.exit_code() in {-signal.SIGINT, 1}


def test_one_that_never_listens_is_killed(tmp_path: Path) -> None:
    child = Child(python(DEAF, stop=(StopStep(signal.SIGTERM, 0.2),)), tmp_path)
    child.start()
    said(child, "awake")
    child.stop()
    assert child.exit_code() == -signal.SIGKILL


@pytest.mark.parametrize("by_us", [True, False])
def test_what_it_started_itself_ends_with_it(tmp_path: Path, by_us: bool) -> None:
    child = Child(python(PARENT), tmp_path)
    child.start()
    grandchild = int(said(child, "child").split()[-1])
    if by_us:
        child.stop()
    else:
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: child.exit_code() is not None, child.log.tail)
    wait_until(lambda: gone(grandchild), lambda: "it still runs")


def test_its_output_goes_to_its_log_and_the_important_lines_are_said(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "print('all is well'); print('ERROR: no disk')"
    child = Child(python(code, "site", important=re.compile("ERROR")), tmp_path, lines.append)
    child.start()
    assert child.wait() == 0
    assert (tmp_path / "logs" / "site.log").read_text() == "all is well\nERROR: no disk\n"
    assert lines == ["site: ERROR: no disk"]


def test_it_is_niced_and_reads_its_own_environment(tmp_path: Path) -> None:
    code = "import os; print(os.nice(0), os.environ['COLOUR'])"
    child = Child(python(code, nice=7, environment={"COLOUR": "green"}), tmp_path)
    child.start()
    child.wait()
    assert child.log.tail() == f"{os.nice(0) + 7} green"


def test_it_can_start_again_after_its_end(tmp_path: Path) -> None:
    child = Child(python("print('once more')"), tmp_path)
    for _ in range(2):
        child.start()
        child.wait()
    assert child.log.tail() == "once more\nonce more"


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    child = Child(python(SLEEP), tmp_path)
    child.start()
    try:
        assert os.getpgid(child.pid) == child.pid != os.getpgrp()
    finally:
        child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_it_dies_with_its_supervisor(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from app.supervisor.child import Child, ChildSpec; "
        f"child = Child(ChildSpec('site', [sys.executable, '-c', {SLEEP!r}]), Path({str(tmp_path)!r})); "
        "child.start(); print('child', child.pid, flush=True); time.sleep(3600)"
    )
    supervisor = Child(python(code, "supervisor"), tmp_path)
    supervisor.start()
    child = psutil.Process(int(said(supervisor, "child").split()[-1]))
    wait_until(lambda: "launch.py" not in " ".join(child.cmdline()), lambda: str(child.cmdline()))
    time.sleep(0.1)
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: gone(child.pid), lambda: "it still runs")
    supervisor.stop()
