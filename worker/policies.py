"""The policies that this process computes with: one base model in memory, adapters put on it as they are needed."""

import gc
import time
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO

import structlog
import torch

from app.artifacts import Artifacts
from app.errors import Damaged
from app.models import BaseModel, Checkpoint
from worker.d3po import Adapter, Policy, load_policy
from worker.d3po.lora_files import PEFT_NAMES, read_peft
from worker.d3po.mixing import mixed
from worker.d3po.records import Precision
from worker.device import device
from worker.weights import verified_folder

log = structlog.get_logger(__name__)


def policy_of(model: BaseModel, checkpoint: Checkpoint | None, precision: Precision, artifacts: Artifacts) -> Policy:
    """The policy of this checkpoint (none: the base). The one that was given out before must not be used any more.

    Raises `Refused` for weights that are not the registered ones, `Damaged` for an adapter that is not what was stored.
    """
    return mixed_policy(model, [(checkpoint, 1.0)] if checkpoint else [], precision, artifacts)


def mixed_policy(
    model: BaseModel, parts: Sequence[tuple[Checkpoint, float]], precision: Precision, artifacts: Artifacts
) -> Policy:
    """The policy of these checkpoints together, each at its weight (`d3po.mixing`). Raises as `policy_of`."""
    folder = verified_folder(model)
    adapter = mixed([(adapter_of(checkpoint, artifacts), weight) for checkpoint, weight in parts])
    return _base_policy(str(folder), model.files_sha256, model.family.value, precision).with_adapter(adapter)


def release() -> None:
    """Forget the policy that was given out, so that another model has its memory."""
    _base_policy.cache_clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def adapter_of(checkpoint: Checkpoint, artifacts: Artifacts) -> Adapter:
    """The checkpoint's adapter, read from its peft file. Raises `Damaged`."""
    stored = checkpoint.files["peft"]
    with zipfile.ZipFile(BytesIO(artifacts.get_bytes(stored["key"], stored["sha256"]))) as file:
        adapter = read_peft(*(file.read(name) for name in PEFT_NAMES))
    if adapter.identity != checkpoint.adapter_sha256:
        raise Damaged(f"The adapter of checkpoint {checkpoint.number} is not the one that was trained.")
    return adapter


@lru_cache(maxsize=1)
def _base_policy(folder: str, files_sha256: str, family: str, precision: Precision) -> Policy:
    began, chosen = time.monotonic(), device()
    policy = load_policy(folder, family=family, device=chosen, precision=precision)
    log.info("base_model_loaded", family=family, device=str(chosen), seconds=time.monotonic() - began)
    return policy
