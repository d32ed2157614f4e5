"""The check of a base model: found, hashed, loaded, and asked for a test picture while its memory is watched."""

import time

import torch

from app.db import transaction
from app.errors import BadInput
from app.models.base import Json
from app.services import base_models, jobs, model_checks
from app.services.model_checks import Checked
from worker import images, policies
from worker.attempt import Attempt
from worker.d3po import EvalNoise, GroupSpec, Policy, SampleRecord, SamplingSettings, load_policy, sample_groups
from worker.device import describe, device
from worker.peak import PeakMemory

PROMPT = "cat face"
SETTINGS = SamplingSettings(steps=20, eta=0.0, guidance=5.0)
PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")


def run(held: Attempt) -> None:
    """Check it. What is refused is raised, with what is wrong and what to do."""
    with transaction() as session:
        jobs.held(session, held.claim)
        check = model_checks.of_job(session, held.claim.job_id)
    folder, commit = base_models.located(check.source, check.revision or None)
    facts = base_models.inspect(folder, held.progress("bytes"))
    policies.release()
    with PeakMemory(device()) as peak:
        policy = load_policy(str(folder), family=facts["family"].value, device=device())
        began = time.monotonic()
        record = _draw(policy, held)
        seconds = time.monotonic() - began
    _refuse_empty(record)
    files = held.files("models/checks")
    files.put("picture.png", images.png(record.image))
    height, width = record.image.shape[:2]
    found = Checked(
        folder=folder,
        commit=commit,
        facts=facts,
        measured=_measured(policy, facts, peak.bytes, seconds),
        picture=files.put("picture.webp", images.webp(record.image)),
        width=width,
        height=height,
    )
    with transaction() as session:
        model_checks.let_in(session, held.claim, found)
    files.keep()


def _draw(policy: Policy, held: Attempt) -> SampleRecord:
    """The test picture, the same for every model: noise and prompt are fixed."""
    spec = GroupSpec(0, PROMPT, EvalNoise(0, 0, 0), samples=1)
    return next(
        sample_groups(policy, [spec], SETTINGS, batch=1, trajectories=False, should_stop=held.should_stop)
    )  # fmt: skip


def _refuse_empty(record: SampleRecord) -> None:
    """A UNet or VAE that computes no numbers in this precision draws one colour."""
    if record.image.min() == record.image.max():
        raise BadInput(
            "The model loads, but its test picture is empty.",
            "Its weights may be damaged, or not fit for this precision: try those of another precision.",
        )


def _measured(policy: Policy, facts: Json, peak: int, seconds: float) -> Json:
    parts = {name: getattr(policy.base, name) for name in PARTS if getattr(policy.base, name) is not None}
    return {
        "device": describe(),
        "precision": policy.precision,
        "parameters": sum(_parameters(part) for part in parts.values()),
        "unet_parameters": _parameters(policy.unet),
        "bytes": sum(file["size"] for file in facts["files"].values()),
        "memory_weights": sum(p.numel() * p.element_size() for part in parts.values() for p in part.parameters()),
        "memory_peak": peak,
        "seconds": round(seconds, 2),
        "prompt": PROMPT,
        "steps": SETTINGS.steps,
    }


def _parameters(part: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())
