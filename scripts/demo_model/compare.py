"""Models side by side on the same pictures: held out, and as many that were trained on."""

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from scripts.demo_model.export import load_pipeline
from scripts.demo_model.pictures import Pictures
from scripts.demo_model.yardstick import held_out_yardstick, measure, seen_yardstick


def compare(folders: list[Path], pictures: Pictures, device: torch.device, console: Console) -> None:
    """Print the yardstick's figures of each pipeline folder. Which pictures are held out is this recipe's doing:
    a model made otherwise may have trained on them, and its two rows then say the same."""
    table = Table("model", "pictures", "noise error", "picture error", "reconstruction, dB")
    yardsticks = {"held out": held_out_yardstick(pictures), "seen": seen_yardstick(pictures)}
    for folder in folders:
        pipeline = load_pipeline(folder, device)
        for name, yardstick in yardsticks.items():
            figures = measure(pipeline, yardstick)
            table.add_row(
                str(folder),
                f"{len(yardstick.captions)} {name}",
                f"{figures.noise_error:.4f}",
                f"{figures.picture_error:.4f}",
                f"{figures.reconstruction_psnr:.2f}",
            )
    console.print(table)
