"""What can go wrong in the library. Every message says what happened and what to do about it."""


class D3POError(Exception):
    """Any refusal or failure of the library itself."""


class ModelError(D3POError):
    """The base model cannot be found, is no pipeline that is known here, or cannot be trained as asked."""


class SettingsError(D3POError):
    """Settings that contradict each other, the model, or the trajectories."""


class CorruptFileError(D3POError):
    """A trajectory, adapter or resume point that cannot be read whole."""


class ResumeError(D3POError):
    """A resume point that belongs to another training set, other settings or another reference."""


class CheckError(D3POError):
    """The checks before the first step found that training would start from something else than it claims."""


class DivergedError(D3POError):
    """The loss or its gradient is not finite. Carries the optimizer step at which it happened."""

    def __init__(self, step: int, message: str) -> None:
        super().__init__(message)
        self.step = step


class StoppedError(D3POError):
    """`should_stop` answered yes while samples were being drawn."""
