"""What can be wrong with a judge. Each message says what to do; trying again changes nothing."""


class JudgeError(Exception):
    """A judge cannot score: something that it needs is not there."""


class UnknownJudgeError(JudgeError, LookupError):
    """No judge is installed under this name."""


class BrokenJudgeError(JudgeError):
    """What is installed under a name does not do what a judge does."""
