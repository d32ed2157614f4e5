"""Exports of many preferences: rows a second, and the peak memory of a process that does nothing else.

Each format is written of a study of 1,000,000 pairs with a choice each and of one of a tenth of that, by a process of
its own: `python -m bench.export FORMAT STUDY`. What is written is counted and dropped, so that no disk is measured;
each picture is the same 4 KiB from memory, each trajectory a tiny one: their number is what memory must not grow with,
and their reading is the disk's. Memory is the process's peak less what stood before it read its first pair, with
everything imported.
"""

import gc
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.artifacts import Artifacts
from app.db import transaction
from app.services import export_formats, export_source
from app.services.export_formats import Holds
from app.services.export_source import Rounds, Source
from app.settings import get_settings
from app.supervisor.logs import Say
from bench import many_rounds
from bench.many_rounds import Size
from bench.throwaway import Product, throwaway_product

PAIRS_OF_A_ROUND = 1000
PEOPLE = 100
PNG = 4 << 10  # bytes of each picture


class OnePicture(Artifacts):
    """Stored files of which every one is the same picture's bytes, or the same trajectory's."""

    def get_bytes(self, key: str, sha256: str | None = None) -> bytes:
        return PATH if key.endswith(".safetensors") else bytes(PNG)


def run(*, rows: int, formats: list[str], say: Say) -> dict[str, Any]:
    """Of each format: rows a second at so many pairs, and the peak in MB at them and at a tenth (the names are of a
    million and a hundred thousand). At the top, of the tables: the slowest, and the largest peaks."""
    pairs = (rows // 10, rows)
    with throwaway_product(say) as product:
        studies = [_seed(product, count, say) for count in pairs]
        if "trajectories" in formats:
            _keep_trajectories(product)
        found = {}
        for name in formats:
            few, many = (_in_own_process(product, name, study, say) for study in studies)
            found[name] = {
                "rows": many["rows"],
                "bytes": many["bytes"],
                "rows_per_second": round(many["rows"] / many["seconds"]),
                "pairs_per_second": round(many["pairs"] / many["seconds"]),
                "peak_mb_100k": few["peak_mb"],
                "peak_mb_1m": many["peak_mb"],
            }
        return {**_summary(found), "pairs": list(pairs), "picture_bytes": PNG, "formats": found}


def _summary(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """The slowest and the largest of the tables; of all, where no table was asked for."""
    tables = [one for name, one in found.items() if export_formats.get(name).holds is Holds.TEXT]
    told = tables or list(found.values())
    return {
        "rows_per_second": min(one["rows_per_second"] for one in told),
        "peak_mb_100k": max(one["peak_mb_100k"] for one in told),
        "peak_mb_1m": max(one["peak_mb_1m"] for one in told),
    }


def measure(format_name: str, study_id: int) -> dict[str, float]:
    """Write the export to nowhere."""
    format_ = export_formats.get(format_name)
    artifacts = OnePicture(get_settings().artifacts)
    with transaction() as session:
        about = export_source.about(session, study_id)
    read = [0]
    source = Source(
        transaction, artifacts, about, Rounds.PREFERENCE, secret="s" * 40, told=lambda done: read.__setitem__(0, done)
    )
    if format_.folder or format_.extension == "parquet":
        import pyarrow.parquet  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: F401
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before, began, size = _status("VmRSS"), time.perf_counter(), 0
    for file in format_.files(source):
        for block in file.blocks:
            size += len(block)
    seconds = time.perf_counter() - began
    peak = (_status("VmHWM") - before) / 2**20
    return {
        "rows": source.written, "pairs": read[0] // format_.walks, "bytes": size, "seconds": seconds,
        "peak_mb": round(peak, 1),
    }  # fmt: skip


def _in_own_process(product: Product, format_name: str, study_id: int, say: Say) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.export", format_name, str(study_id)]
    environment = {**os.environ, **product.settings.environment()}
    # fixed arguments of our own, no shell
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    say(f"{format_name}: {found['rows']:.0f} rows in {found['seconds']:.1f} s, {found['peak_mb']} MB")
    return found


def _seed(product: Product, pairs: int, say: Say) -> int:
    rounds = max(pairs // PAIRS_OF_A_ROUND, 2)
    # two people each: votes are told only of pairs that several answered
    size = Size(rounds=rounds, pairs=PAIRS_OF_A_ROUND, choices=2, people=PEOPLE, steps=1)
    say(f"Writing a study of {pairs} pairs …")
    with transaction(product.sessions) as session:
        study = many_rounds.seed(session, size).study
    many_rounds.tidy(product.sessions.kw["bind"])
    return study


def _keep_trajectories(product: Product) -> None:
    """As if retention had taken none: otherwise only the newest rounds have any, whatever the study's size."""
    with transaction(product.sessions) as session:
        session.execute(text("UPDATE samples SET trajectory_removed_at = NULL WHERE trajectory_removed_at IS NOT NULL"))
        session.execute(text("UPDATE rounds SET trajectories_gone_at = NULL WHERE trajectories_gone_at IS NOT NULL"))
    many_rounds.tidy(product.sessions.kw["bind"])


def _path() -> bytes:
    """A trajectory of two steps of 4 x 8 x 8, as the worker stores them."""
    noise = ["round", {"study_seed": 0, "round_number": 1, "group_number": 0}]
    header = {
        "__metadata__": {"tastemaker.trajectory": json.dumps({"noise": noise})},
        "timesteps": {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]},
        "log_probs": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
        "latents": {"dtype": "F16", "shape": [2, 4, 8, 8], "data_offsets": [24, 1048]},
    }
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(1048)


def _status(name: str) -> int:
    """Bytes, from the kernel's own account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


PATH = _path()

if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
