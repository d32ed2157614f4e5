"""Every notebook is run whole, in a kernel of its own, as a reader would; none is stored with what it printed."""

import base64
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image
from sqlalchemy import func, select

from app.db import make_engine, session_factory, transaction
from app.models import Choice, User, UserKind
from app.paths import ROOT
from tastemaker.client import Client
from tests.notebooks.conftest import Prepared

pytestmark = pytest.mark.xdist_group("notebooks")  # the site is prepared once

FOLDER = ROOT / "notebooks"
EXECUTE = """
import sys
import nbclient, nbformat

source, target, folder = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, target)
"""

Run = Callable[..., NotebookNode]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(name, **environment)`: the notebook as it stands after it was run, in the project's root."""

    def run(name: str, **environment: str) -> NotebookNode:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TASTE", "JUPYTER"))}
        ours = {
            "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython"),
            "MPLCONFIGDIR": str(tmp_path / "matplotlib"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        target = tmp_path / f"{name}.ipynb"
        ran = subprocess.run(
            [sys.executable, "-c", EXECUTE, FOLDER / f"{name}.ipynb", target, ROOT],
            env=inherited | ours | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr[-4000:]
        keep(target)
        return nbformat.read(target, as_version=4)

    return run


def test_no_notebook_is_stored_with_what_it_printed_and_each_is_run_here() -> None:
    found = {path.stem: nbformat.read(path, as_version=4) for path in FOLDER.glob("*.ipynb")}
    for name, notebook in found.items():
        nbformat.validate(notebook)
        left = [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
        assert left == [], f"clear the outputs of {name}"
    tests = Path(__file__).read_text()
    assert {name for name in found if f'run("{name}"' not in tests} == set()


def test_the_library_learns_to_draw_brighter_pictures(run: Run) -> None:
    done = run("library")
    assert float(re.search(r"brightness ([+-]\d\.\d+)", printed(done)).group(1)) > 0  # type: ignore[union-attr]
    assert "brighter-kohya.safetensors" in printed(done)
    assert len(pictures(done)) == 3


def test_a_study_becomes_pictures_by_way_of_comfyui_s_format(run: Run, prepared: Prepared) -> None:
    done = run("study-to-picture", TASTE_SITE=prepared.url, TASTE_TOKEN=prepared.admin)
    said = printed(done)
    assert "modelspec.architecture: stable-diffusion-v1/lora" in said
    assert "lora_unet_up_blocks_" in said
    moved = re.search(r"in grey levels: \[(.*)\]", said).group(1).split(", ")  # type: ignore[union-attr]
    assert all(float(each) > 0.1 for each in moved)
    (drawn,) = pictures(done)
    assert np.asarray(drawn).std() > 20


def test_a_judge_of_one_s_own_answers_all_that_waits_by_its_rule(run: Run, prepared: Prepared) -> None:
    study = {"TASTE_STUDY": str(prepared.trained)}
    done = run("my-own-judge", TASTE_SITE=prepared.url, TASTE_TOKEN=prepared.judge, **study)
    said = printed(done)
    assert "5 answered" in said
    assert "the same pair again: True" in said
    assert said.rstrip().endswith("'done'")
    engine = make_engine(prepared.settings.require_database_url())
    with transaction(session_factory(engine)) as session:
        stands = select(func.count()).join(User).where(
            User.handle == "colourful", User.kind == UserKind.JUDGE, Choice.undone_at.is_(None)
        ).select_from(Choice)  # fmt: skip
        assert session.scalar(stands) == 5
    engine.dispose()


def test_agreement_is_what_the_site_says_it_is(run: Run, prepared: Prepared) -> None:
    study = {"TASTE_STUDY": str(prepared.answered)}
    done = run("agreement", TASTE_SITE=prepared.url, TASTE_TOKEN=prepared.admin, **study)
    said = printed(done)
    found = float(re.search(r"alpha (-?\d\.\d+) on 30 pairs", said).group(1))  # type: ignore[union-attr]
    low, high = (float(end) for end in re.search(r"95 %: (\S+) to (\S+)", said).groups())  # type: ignore[union-attr]
    with Client(prepared.url, prepared.admin) as client:
        quality = client.studies.quality(prepared.answered)
    assert found == pytest.approx(quality.alpha, abs=0.001)
    assert low < found < high
    assert len(pictures(done)) == 1


def printed(notebook: NotebookNode) -> str:
    """All that its cells printed, and the text of their values."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def pictures(notebook: NotebookNode) -> list[Image.Image]:
    """All plots that it shows."""
    shown = [
        output["data"]["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in shown]


def keep(target: Path) -> None:
    """Keep its plots where PICTURES names a folder."""
    if "PICTURES" in os.environ:
        folder = Path(os.environ["PICTURES"])
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures(nbformat.read(target, as_version=4))):
            picture.save(folder / f"notebook-{target.stem}-{number}.png")
