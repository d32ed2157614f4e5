"""Where the samples of a group part: at all denoising steps, or in a window of a few, drawn for each group by key.

Outside the window they are given the same noise (that of sample 0), so each sample is still drawn as the settings say,
but two of them differ only by what was injected in the window. A choice between them then speaks of that noise alone:
of a pair's gradient over T steps, all but about 1 / (T x elements of the latent) is noise, over a window of m steps all
but 1 / (m x elements). Related: the trajectory branching of TempFlow-GRPO (arXiv 2508.04324) and the sliding window of
MixGRPO (arXiv 2507.21802), which do it for policy gradients with a reward model.

With `antithetic`, what samples 1, 3, ... are given of their own is the negative of what 0, 2, ... are given. It is as
normal as that, but the two lie as far apart as they can, and what both ways of leaving the middle have in common drops
out of the choice (antithetic variates: Hammersley & Morton, 1956).
"""

from torch import Tensor

from worker.d3po import noise
from worker.d3po.errors import SettingsError
from worker.d3po.noise import NoiseSource
from worker.d3po.records import SamplingSettings


def branch(source: NoiseSource, settings: SamplingSettings) -> range:
    """The numbers of the steps at which the group's samples get noise of their own.

    A window lies within half the steps from `branch_from` on, if it is no longer than that: noise of the first steps
    decides what stands in a picture, that of the last hardly changes what people see. Raises SettingsError where the
    window is as long as the schedule, or its half does not fit in.
    """
    length = settings.branch_steps
    if length is None:
        return range(settings.steps)
    if not 1 <= length < settings.steps:
        raise SettingsError(f"branch_steps is {length}; with {settings.steps} steps it must lie below that.")
    starts = max(1, settings.steps // 2 - length + 1)
    latest = settings.steps - max(settings.steps // 2, length)
    if not 0 <= settings.branch_from <= latest:
        raise SettingsError(
            f"branch_from is {settings.branch_from}; with {settings.steps} steps and branch_steps {length} it must lie "
            f"between 0 and {latest}."
        )
    (start,) = noise.pick(("branch", *source.initial()[1:]), 1, starts)
    start += settings.branch_from
    return range(start, start + length)


def injected(
    source: NoiseSource, sample: int, step: int, window: range, shape: tuple[int, ...], *, antithetic: bool
) -> Tensor:
    """What is injected into a sample at a step, normals of `shape`: its own in the window, the group's outside it."""
    if step not in window:
        return noise.normal(source.step(0, step), shape)
    if antithetic and sample % 2:
        return -noise.normal(source.step(sample - 1, step), shape)
    return noise.normal(source.step(sample, step), shape)
