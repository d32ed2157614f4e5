"""D3PO: preferences between pairs of samples straight into a LoRA (Yang et al., arXiv 2311.13231).

A library: it knows no database, web, queue or environment, and neither logs nor saves. It takes callbacks and returns
records. What stands in `__all__` is for use elsewhere (docs/library.md). Importing it does not import torch; that
happens at the first use of one of its names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.d3po.adapter import Adapter
    from worker.d3po.errors import (
        CheckError,
        CorruptFileError,
        D3POError,
        DivergedError,
        ModelError,
        ResumeError,
        SettingsError,
        StoppedError,
    )
    from worker.d3po.lora_files import LoraInfo, read_diffusers, read_peft, write_diffusers, write_kohya, write_peft
    from worker.d3po.noise import EvalNoise, RoundNoise
    from worker.d3po.policy import Policy, load_policy
    from worker.d3po.records import (
        CheckReport,
        GroupSpec,
        HeldOut,
        MetricsSummary,
        Preference,
        SampleRecord,
        SamplingSettings,
        StepMetrics,
        StepOfSchedule,
        StopReason,
        TrainingResult,
        TrainingSettings,
        Trajectory,
    )
    from worker.d3po.sampling import sample_groups
    from worker.d3po.trainer import train

_HOMES = {
    "adapter": ["Adapter"],
    "errors": [
        "CheckError", "CorruptFileError", "D3POError", "DivergedError", "ModelError", "ResumeError", "SettingsError",
        "StoppedError",
    ],
    "lora_files": ["LoraInfo", "read_diffusers", "read_peft", "write_diffusers", "write_kohya", "write_peft"],
    "noise": ["EvalNoise", "RoundNoise"],
    "policy": ["Policy", "load_policy"],
    "records": [
        "CheckReport", "GroupSpec", "HeldOut", "MetricsSummary", "Preference", "SampleRecord", "SamplingSettings",
        "StepMetrics", "StepOfSchedule", "StopReason", "TrainingResult", "TrainingSettings", "Trajectory",
    ],
    "sampling": ["sample_groups"],
    "trainer": ["train"],
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Adapter",
    "CheckError",
    "CheckReport",
    "CorruptFileError",
    "D3POError",
    "DivergedError",
    "EvalNoise",
    "GroupSpec",
    "HeldOut",
    "LoraInfo",
    "MetricsSummary",
    "ModelError",
    "Policy",
    "Preference",
    "ResumeError",
    "RoundNoise",
    "SampleRecord",
    "SamplingSettings",
    "SettingsError",
    "StepMetrics",
    "StepOfSchedule",
    "StopReason",
    "StoppedError",
    "TrainingResult",
    "TrainingSettings",
    "Trajectory",
    "load_policy",
    "read_diffusers",
    "read_peft",
    "sample_groups",
    "train",
    "write_diffusers",
    "write_kohya",
    "write_peft",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
