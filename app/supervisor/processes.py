"""The product's own processes as children: the site, and one worker for each queue."""

import http.client
import re
import signal
import sys

from app.settings import Settings
from app.supervisor.child import Child, ChildSpec, StopStep
from app.supervisor.readiness import wait_until

GRACE_S = 5
QUEUES = ("accelerator", "cpu")
TROUBLE = re.compile(r"\b(error|critical|Traceback)\b", re.IGNORECASE)
# A worker gets this long to write its resume point; what it had begun is taken up again at the next start.
WORKER_STOP = (StopStep(signal.SIGTERM, 10), StopStep(signal.SIGQUIT, 5))
WORKER_NICE = 10


class Site:
    """The site under uvicorn, on the host and port of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def spec(self) -> ChildSpec:
        """How it runs as a child. An open event stream would hold a shutdown up, hence the limit to its grace."""
        return ChildSpec(
            name="site",
            command=[
                sys.executable,
                "-m",
                "uvicorn",
                "app.main:create_served_app",
                "--factory",
                *site_options(self._settings),
            ],
            environment=child_environment(self._settings),
            stop=(StopStep(signal.SIGTERM, GRACE_S + 3),),
            important=TROUBLE,
        )

    def wait_ready(self, child: Child) -> None:
        """Return when `/readyz` says that the site and what it needs are there."""
        wait_until(self._answers, child)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._settings.local_host, self._settings.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Worker:
    """One worker process of a queue, with a lower priority than the site, so that pages stay quick."""

    def __init__(self, settings: Settings, queue: str) -> None:
        self._settings = settings
        self._queue = queue

    @property
    def spec(self) -> ChildSpec:
        """How it runs as a child."""
        return ChildSpec(
            name=f"worker-{self._queue}",
            command=[sys.executable, "-m", "app.cli", "worker", "--queue", self._queue],
            environment=child_environment(self._settings),
            nice=WORKER_NICE,
            stop=WORKER_STOP,
            death_signal=signal.SIGQUIT,
            important=TROUBLE,
        )

    def wait_ready(self, child: Child) -> None:
        """A worker serves nobody: jobs wait until it is there."""


def site_options(settings: Settings) -> list[str]:
    """uvicorn's options for the site; without its access log, since addresses carry sign-in tokens."""
    return [
        *("--host", settings.host, "--port", str(settings.port)),
        *("--timeout-graceful-shutdown", str(GRACE_S), "--log-level", settings.log_level),
        *("--no-access-log", "--no-server-header"),
    ]


def child_environment(settings: Settings) -> dict[str, str]:
    """What a process of ours needs to read the same settings; its lines reach the log as they are printed."""
    return {**settings.environment(), "PYTHONUNBUFFERED": "1"}
