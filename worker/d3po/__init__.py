"""D3PO: preferences between pairs of samples straight into a LoRA (Yang et al., arXiv 2311.13231).

A library: it knows no database, web, queue or environment, and neither logs nor saves. It takes callbacks and returns
records. Importing it does not import torch; that happens at the first use of one of its names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.d3po.adapter import Adapter
    from worker.d3po.noise import EvalNoise, RoundNoise
    from worker.d3po.policy import Policy, load_policy
    from worker.d3po.records import (
        CheckReport,
        GroupSpec,
        HeldOut,
        Preference,
        SampleRecord,
        SamplingSettings,
        StepMetrics,
        StopReason,
        TrainingResult,
        TrainingSettings,
        Trajectory,
    )
    from worker.d3po.sampling import sample_groups
    from worker.d3po.trainer import train

_HOME = {
    "Adapter": "adapter",
    "EvalNoise": "noise",
    "RoundNoise": "noise",
    "Policy": "policy",
    "load_policy": "policy",
    "CheckReport": "records",
    "GroupSpec": "records",
    "HeldOut": "records",
    "Preference": "records",
    "SampleRecord": "records",
    "SamplingSettings": "records",
    "StepMetrics": "records",
    "StopReason": "records",
    "TrainingResult": "records",
    "TrainingSettings": "records",
    "Trajectory": "records",
    "sample_groups": "sampling",
    "train": "trainer",
}

__all__ = [
    "Adapter",
    "CheckReport",
    "EvalNoise",
    "GroupSpec",
    "HeldOut",
    "Policy",
    "Preference",
    "RoundNoise",
    "SampleRecord",
    "SamplingSettings",
    "StepMetrics",
    "StopReason",
    "TrainingResult",
    "TrainingSettings",
    "Trajectory",
    "load_policy",
    "sample_groups",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
