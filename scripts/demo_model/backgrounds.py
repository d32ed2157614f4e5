"""What the pictures stand on: ten plain colours, white half of the time."""

import torch
from torch import Tensor

BACKGROUNDS = {
    "white": (255, 255, 255),
    "yellow": (255, 226, 120),
    "orange": (255, 178, 102),
    "pink": (255, 176, 200),
    "red": (206, 66, 66),
    "purple": (160, 120, 210),
    "blue": (110, 165, 235),
    "green": (130, 200, 130),
    "grey": (150, 150, 155),
    "black": (28, 28, 32),
}
NAMES = tuple(BACKGROUNDS)
WHITE = NAMES.index("white")


def draw_backgrounds(count: int, generator: torch.Generator) -> Tensor:
    """Numbers of `count` backgrounds: white with probability one half, else any other, all alike."""
    coloured = torch.randint(1, len(NAMES), (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.5, WHITE, coloured)


def composite(rgba: Tensor, backgrounds: Tensor) -> Tensor:
    """Pictures on their backgrounds: N×S×S×4 in 0…255 and N numbers -> N×3×S×S in -1…1."""
    colours = torch.tensor([BACKGROUNDS[name] for name in NAMES]) / 127.5 - 1
    pixels = rgba.permute(0, 3, 1, 2).float()  # N,4,S,S
    alpha = pixels[:, 3:] / 255
    return (pixels[:, :3] / 127.5 - 1) * alpha + colours[backgrounds][:, :, None, None] * (1 - alpha)
