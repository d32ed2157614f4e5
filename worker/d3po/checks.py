"""What a training run makes sure of before its first step. (Peers that skipped this trained on noise.)

(a) the starting policy is the one that sampled: recomputed and stored log-probabilities agree;
(b) the reference is the one that the settings name;
(c) where reference and starting policy are the same weights, r is 0 to the bit (on a CPU) and the loss is log 2.
"""

import math
from collections.abc import Sequence

import torch

from worker.d3po.batching import Unit, log_probs_of, split_evenly, stored_log_probs
from worker.d3po.errors import CheckError
from worker.d3po.loss import preference_loss
from worker.d3po.policy import Policy
from worker.d3po.records import OFF, CheckReport, TrainingSettings
from worker.d3po.reference import TRUSTED, Reference

LIMIT_EXACT = 1e-4  # of |recomputed - stored|, where the UNet ran in fp32
LIMIT_HALF = 1e-2
FATAL = 10  # times the limit


def check_start(
    policy: Policy, starting_identity: str, reference: Reference, units: Sequence[Unit], settings: TrainingSettings
) -> CheckReport:
    """Draws the units' steps again and compares. Lets the reference know whether stored values can be trusted.

    Raises CheckError, with the figures, where (a) is off by more than ten times its limit, or (b) at all.
    """
    _check_reference(policy, starting_identity, reference, units, settings)
    recomputed, computed_reference = [], []
    for batch in split_evenly(units, settings.micro_batch):
        with torch.no_grad():
            recomputed.append(log_probs_of(policy, batch))
        if reference.identity == starting_identity:
            computed_reference.append(reference.compute(batch))
    now, stored = torch.cat(recomputed), stored_log_probs(units).to(policy.device)
    difference, limit = float((now - stored).abs().max()), _limit(policy, units)
    if not difference <= FATAL * limit:
        raise CheckError(
            "The starting policy is not the one that sampled: log-probabilities drawn again differ from the stored "
            f"ones by {difference:.3g} (limit {limit:g}, on {len(now)} states). Train from the checkpoint that the "
            "round was sampled with, on the same base model."
        )
    reference.trusts_stored = difference <= TRUSTED
    largest_r, first_loss = None, None
    if computed_reference:
        r = now - torch.cat(computed_reference)
        largest_r, first_loss = float(r.abs().max()), _first_loss(r, settings)
    return CheckReport(
        states=len(now),
        largest_difference=difference,
        limit=limit,
        reference=reference.identity,
        stored_reference=reference.trusts_stored and all(reference.identity == unit.group.policy for unit in units),
        largest_r=largest_r,
        first_loss=first_loss,
        remarks=_remarks(policy, difference, limit, largest_r, first_loss),
    )


def _check_reference(
    policy: Policy, starting_identity: str, reference: Reference, units: Sequence[Unit], settings: TrainingSettings
) -> None:
    with policy.swapped(reference.adapter):
        in_force = policy.identity
    named = {unit.group.policy for unit in units} if settings.reference == "sampled" else {OFF}
    if named != {in_force} or in_force != reference.identity:
        raise CheckError(
            f"The reference is not the one named: {settings.reference!r} names {', '.join(sorted(named))}, in force is "
            f"{in_force}, and the policy starts as {starting_identity}. Train from the checkpoint that the round was "
            "sampled with."
        )


def _limit(policy: Policy, units: Sequence[Unit]) -> float:
    precisions = {policy.precision, *(unit.group.precision for unit in units)}
    return LIMIT_HALF if precisions & {"fp16", "bf16"} else LIMIT_EXACT


def _first_loss(r: torch.Tensor, settings: TrainingSettings) -> float:
    """The mean loss of these states against each other, each as a winner; log 2 where all r are 0."""
    p = torch.ones_like(r)
    return float(preference_loss(r, r.roll(1), p, settings.beta, settings.clip).mean())


def _remarks(
    policy: Policy, difference: float, limit: float, largest_r: float | None, first_loss: float | None
) -> tuple[str, ...]:
    remarks = []
    if difference > limit:
        remarks.append(
            f"Log-probabilities drawn again differ from the stored ones by {difference:.3g} (limit {limit:g})."
        )
    if largest_r and policy.device.type == "cpu":
        remarks.append(f"Reference and starting policy are the same weights, but r is up to {largest_r:.3g}, not 0.")
    if first_loss is not None and abs(first_loss - math.log(2)) > 1e-6:
        remarks.append(f"The first loss is {first_loss:.8f}, not log 2.")
    return tuple(remarks)
