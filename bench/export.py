"""Exports of many preferences: rows a second, and the peak memory of a process that does nothing else.

Each format is written of a study of 100,000 and of one of 1,000,000 pairs with a choice each, by a process of its own:
`python -m bench.export FORMAT STUDY`. What is written is counted and dropped, so that no disk is measured; each picture
is the same small PNG from memory. Memory is the process's peak less what stood before it read its first pair, with
everything imported.
"""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from app.artifacts import Artifacts
from app.db import transaction
from app.services import export_formats, export_source
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
    """Stored files of which every one is the same picture's bytes."""

    def get_bytes(self, key: str, sha256: str | None = None) -> bytes:
        return bytes(PNG)


def run(*, pairs: tuple[int, int], formats: list[str], say: Say) -> dict[str, Any]:
    """Of each format: rows a second at the larger number of pairs, and the peak in MB at both."""
    with throwaway_product(say) as product:
        studies = [_seed(product, count, say) for count in pairs]
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
        return {"pairs": list(pairs), "formats": found}


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
    size = Size(rounds=max(pairs // PAIRS_OF_A_ROUND, 2), pairs=PAIRS_OF_A_ROUND, choices=1, people=PEOPLE, steps=1)
    say(f"Writing a study of {pairs} pairs …")
    with transaction(product.sessions) as session:
        study = many_rounds.seed(session, size).study
    many_rounds.tidy(product.sessions.kw["bind"])
    return study


def _status(name: str) -> int:
    """Bytes, from the kernel's own account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
