"""The library as others use it: docs/library.md is run as it stands, where nothing of the site can be imported."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.paths import ROOT
from tests.worker.d3po.tiny import draw, groups, tiny_policy
from worker import d3po
from worker.d3po.tensor_file import unpack

THEIRS = ("app", "sqlalchemy", "fastapi", "celery", "starlette", "pydantic_settings", "psycopg", "redis", "alembic")
BLOCKER = f"""
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {THEIRS!r}:
            raise ImportError(f"{{name}} is blocked here")

sys.meta_path.insert(0, Blocked())
import torch
torch.set_num_threads(1)
"""
CLOSING = f"""
assert not set({THEIRS!r}) & {{name.partition(".")[0] for name in sys.modules}}
print("losses", *losses)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the page's program prints, and the folder that it ran in."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/library.md").read_text(), re.DOTALL)
    folder = tmp_path_factory.mktemp("library")
    (folder / "demo").symlink_to(ROOT / "demo")
    (folder / "page.py").write_text("\n".join([BLOCKER, *blocks, CLOSING]))
    ran = subprocess.run(
        [sys.executable, "page.py"], cwd=folder, env={"PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, folder


def test_the_page_trains_a_lora_in_a_process_that_can_import_nothing_of_the_site(told: tuple[str, Path]) -> None:
    said, losses = told[0].strip().splitlines()
    assert said.startswith("finished 8 ")
    first, *_, last = map(float, losses.split()[1:])
    assert first == pytest.approx(0.6931, abs=1e-3)  # log 2: nothing is learned before the first step
    assert last < first


def test_the_page_saves_every_form_of_the_lora(told: tuple[str, Path]) -> None:
    folder = told[1] / "lora"
    kohya, metadata = unpack((folder / "brighter-kohya.safetensors").read_bytes(), "kohya")
    assert metadata["modelspec.title"] == "Brighter"
    assert any(tensor.abs().sum() > 0 for name, tensor in kohya.items() if name.endswith("lora_up.weight"))
    own = d3po.Adapter.from_bytes((folder / "adapter.safetensors").read_bytes())
    peft = d3po.read_peft(
        *((folder / name).read_bytes() for name in ("adapter_config.json", "adapter_model.safetensors"))
    )
    diffusers = d3po.read_diffusers((folder / "pytorch_lora_weights.safetensors").read_bytes())
    assert peft.identity == diffusers.identity == own.identity != d3po.records.OFF


def test_every_public_name_is_there_and_importing_the_library_loads_no_torch() -> None:
    assert {getattr(d3po, name).__name__ for name in d3po.__all__} == set(d3po.__all__) == set(dir(d3po))
    program = "import sys, worker.d3po; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
    with pytest.raises(AttributeError, match="no attribute 'teach'"):
        d3po.teach  # noqa: B018


def test_only_samples_of_one_group_are_compared() -> None:
    one, other, stranger, _ = d3po.sample_groups(tiny_policy(), groups(2), d3po.SamplingSettings(steps=2), batch=4)
    made = d3po.Preference.between(one, other, 0.75, held_out=True)
    assert made == d3po.Preference("0/0 0/1", 0, "0/0", "0/1", 0.75, held_out=True)
    assert set(draw(tiny_policy(), groups(1))) == {made.first, made.second}
    with pytest.raises(d3po.SettingsError, match="1/0 do not share prompt and noise"):
        d3po.Preference.between(one, stranger)
