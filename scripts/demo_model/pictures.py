"""The training pictures and what is known of each, in one file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from scripts.demo_model.files import write_whole


@dataclass(frozen=True)
class Row:
    """One picture's words: its names (the best first), its style (`flat` or `3d`) and its group ("food fruit")."""

    names: list[str]
    style: str
    group: str


@dataclass(frozen=True)
class Pictures:
    """`rgba` is N×S×S×4 in 0…255, with transparent backgrounds; `rows` says what each picture is."""

    rgba: Tensor
    rows: list[Row]

    def save(self, path: Path) -> None:
        """Write both into one safetensors file, whole."""
        rows = json.dumps([asdict(row) for row in self.rows])
        write_whole(path, lambda part: save_file({"rgba": self.rgba}, part, metadata={"rows": rows}))

    @classmethod
    def load(cls, path: Path) -> "Pictures":
        """Read what `save` wrote."""
        with safe_open(path, framework="pt") as file:
            rows = [Row(**row) for row in json.loads(file.metadata()["rows"])]
            return cls(file.get_tensor("rgba"), rows)
