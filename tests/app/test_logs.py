"""What log lines hold, and where they go."""

import subprocess
import sys

FAULT = """
import structlog
{before}
def sign_in(password):
    return 1 / 0
try:
    sign_in("hunter" + str(2))
except ZeroDivisionError:
    structlog.get_logger().exception("it_failed")
"""
CONFIGURED = """
from app import logs
from app.settings import make_settings
logs.configure(make_settings(log_format={log_format!r}))
"""


def test_no_traceback_shows_a_local_variable_be_the_settings_read_or_not():
    for before in ("import app", CONFIGURED.format(log_format="console"), CONFIGURED.format(log_format="json")):
        said = run(FAULT.format(before=before))
        assert said.stdout == ""  # which belongs to what commands answer
        for word in ("it_failed", "ZeroDivisionError", "sign_in"):
            assert word in said.stderr, (before, word)
        assert "hunter2" not in said.stderr, before


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
