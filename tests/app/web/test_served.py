"""A process that serves the site keeps what it has loaded out of garbage collections, which hold all requests up."""

import subprocess
import sys

from app.settings import Settings

MEASURED = """
import gc
from app.main import create_served_app
create_served_app()
gc.collect()
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def test_a_whole_collection_passes_over_nearly_all_that_is_loaded(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], env=settings.environment(), capture_output=True, text=True, check=True
    )
    frozen, looked_at = (int(number) for number in done.stdout.split())
    assert frozen > 100_000
    assert looked_at < frozen / 10
