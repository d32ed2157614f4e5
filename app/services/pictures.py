"""Pictures as pages and the pair API show them: which stored file stands for a sample."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """The WebP of one sample, with the picture's size in pixels."""

    sample_id: int
    key: str
    width: int
    height: int
