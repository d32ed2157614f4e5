"""Winners and losers in two folders, as other trainers of preferences read them: kohya's sd-scripts, SimpleTuner and
OneTrainer. A pair is two pictures of the same name with the prompt beside each, and a file says where both folders are.

Only pairs that were decided: none of these trainers knows ties. What was said of each pair is in `preferences.jsonl`.
People judge whole pictures, so there are no masks; none of the three asks for any.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from app.services import export_cards
from app.services.export_source import Source
from app.services.export_tables import Record
from app.services.export_writers import File, aside, text_file
from app.services.preference_export import PreferenceRow

WALKS = 1
PICTURE = "png"


@dataclass(frozen=True)
class Layout:
    """Where a trainer looks for winners and losers, how it names captions, and the file that configures it: its name,
    and what stands in it for pictures of so many pixels."""

    winners: str
    losers: str
    caption: str
    settings_name: str
    settings: Callable[[int], str]


def files(layout: Layout, trainer: str, source: Source) -> Iterator[File]:
    """Four files of each decided pair, `preferences.jsonl`, the trainer's own settings, and a card."""
    with aside() as said:
        for row in source.rows():
            if row.p is None or row.p == 0.5:
                continue
            source.wrote(1)
            name = f"{row.pair:012}"
            said.add(_said(row, name))
            for folder, (key, sha256) in zip((layout.winners, layout.losers), _winner_first(row), strict=True):
                yield File(f"{folder}/{name}.{PICTURE}", iter((source.picture(key, sha256),)))
                yield text_file(f"{folder}/{name}.{layout.caption}", row.prompt)
        yield said.file("preferences.jsonl")
    yield text_file(layout.settings_name, layout.settings(source.study.image_size))
    yield text_file("README.md", export_cards.folders(source, trainer, layout.winners, layout.losers))


def _winner_first(row: PreferenceRow) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = (row.first_key, row.first_sha256), (row.second_key, row.second_sha256)
    return (first, second) if _first_won(row) else (second, first)


def _first_won(row: PreferenceRow) -> bool:
    return row.p is not None and row.p > 0.5


def _said(row: PreferenceRow, name: str) -> Record:
    won = _first_won(row)
    return {
        "name": name, "pair": row.pair, "round_number": row.round_number, "prompt": row.prompt, "p": row.p,
        "weight": row.weight, "votes": row.votes, "choices": [said.choice for said in row.choices],
        "winner": row.first_sample if won else row.second_sample,
        "loser": row.second_sample if won else row.first_sample,
    }  # fmt: skip


def _kohya(size: int) -> str:
    return (
        f'[general]\ncaption_extension = ".caption"\n\n[[datasets]]\nresolution = {size}\nbatch_size = 1\n\n'
        '  [[datasets.subsets]]\n  image_dir = "1_preferences"\n  num_repeats = 1\n  preference = true\n'
    )


def _simpletuner(size: int) -> str:
    common = {
        "type": "local", "crop": False, "resolution": size, "resolution_type": "pixel", "caption_strategy": "textfile",
    }  # fmt: skip
    preferred = common | {
        "id": "preferred", "dataset_type": "image", "instance_data_dir": "win", "cache_dir_vae": "cache/vae/preferred",
        "conditioning_data": ["rejected"],
    }  # fmt: skip
    rejected = common | {
        "id": "rejected", "dataset_type": "conditioning", "conditioning_type": "reference_strict",
        "instance_data_dir": "lose", "cache_dir_vae": "cache/vae/rejected", "source_dataset_id": "preferred",
    }  # fmt: skip
    texts = {
        "id": "texts", "type": "local", "dataset_type": "text_embeds", "default": True, "cache_dir": "cache/texts",
    }  # fmt: skip
    return json.dumps([preferred, rejected, texts], indent=2) + "\n"


def _onetrainer(size: int) -> str:
    """Its size is a setting of the run, not of the data."""
    concept = {
        "name": "preferences", "path": ".", "enabled": True, "type": "STANDARD", "include_subdirectories": True,
        "dpo_chosen_pattern": "chosen/{}", "dpo_rejected_pattern": "rejected/{}",
        "text": {"prompt_source": "sample"},
    }  # fmt: skip
    return json.dumps([concept], indent=2) + "\n"


KOHYA = Layout("1_preferences/w", "1_preferences/l", "caption", "dataset_config.toml", _kohya)
SIMPLETUNER = Layout("win", "lose", "txt", "multidatabackend.json", _simpletuner)
ONETRAINER = Layout("chosen", "rejected", "txt", "concepts.json", _onetrainer)

kohya = partial(files, KOHYA, "kohya's sd-scripts")
simpletuner = partial(files, SIMPLETUNER, "SimpleTuner (flow_dpo)")
onetrainer = partial(files, ONETRAINER, "OneTrainer")
