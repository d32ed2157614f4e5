"""A command that has asked for a job waits until it is done, and says how far it is."""

import time
from collections.abc import Callable
from typing import TypeVar

from app.cli.output import say
from app.services.jobs import Watched

PAUSE_S = 0.5

Line = TypeVar("Line", bound=Watched)


def until_done(look: Callable[[], Line], look_after: Callable[[], None], how_far: Callable[[Line], str]) -> Line:
    """The line of the job as it ended, done or not. `look` reads it as it is, `look_after` keeps up the worker that is
    the command's own. Said is what `how_far` makes of the line, after each tenth, and why it is tried again."""
    said, error = -1, None
    while (line := look()).is_at_work:
        look_after()
        if line.error not in (None, error):
            error = line.error
            say(f"{error} It is tried again.")
        if line.total and line.done * 10 // line.total > said:
            said = line.done * 10 // line.total
            say(how_far(line))
        time.sleep(PAUSE_S)
    return line
