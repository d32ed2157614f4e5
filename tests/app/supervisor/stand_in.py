"""Run `up` with stand-ins for the site and the worker: stand_in.py DATA_DIR PORT [NAME=VALUE…] (settings)."""

import sys

from app.errors import TastemakerError
from app.settings import make_settings
from app.supervisor.child import Child, ChildSpec
from app.supervisor.up import up


class Sleeper:
    """A part that does nothing, for as long as it is let."""

    def __init__(self, name: str, code: str = "import time; time.sleep(3600)") -> None:
        self.spec = ChildSpec(name, [sys.executable, "-c", code])

    def wait_ready(self, child: Child) -> None:
        """It serves nobody."""


def say(line: str) -> None:
    print(line, flush=True)


def main(data_dir: str, port: str, *options: str) -> None:
    values = dict(option.split("=", 1) for option in options)
    crashing = values.pop("crashing", None)
    settings = make_settings(data_dir=data_dir, port=port, **values)
    parts = [Sleeper("site"), Sleeper("worker", crashing or "import time; time.sleep(3600)")]
    try:
        up(settings, say, parts=lambda _: parts, on_ready=lambda _: say("ready"))
    except TastemakerError as error:
        say(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
