"""How long to train: so many steps, or so much time."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Budget:
    """An amount of optimizer steps or of seconds. Seconds count training only, over all the runs that it took."""

    amount: float
    unit: Literal["steps", "seconds"]

    def spent(self, step: int, seconds: float) -> float:
        """The part that is used up, 0…1."""
        return min(1.0, (step if self.unit == "steps" else seconds) / self.amount)

    def share(self, part: float) -> "Budget":
        """A part of this budget, one whole step at least."""
        amount = self.amount * part
        return Budget(max(1, round(amount)) if self.unit == "steps" else amount, self.unit)
