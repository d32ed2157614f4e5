"""What stops a run. The message says what happened and what to do; nothing that was done is lost."""


class DemoModelError(Exception):
    """The run cannot go on as asked."""


class Interrupted(Exception):  # noqa: N818 - a request to stop is no error
    """Ctrl+C or a termination signal; the checkpoint has been written."""
