"""The packages of the worker's extra: what computes needs them, and the rest of the product does not."""

import importlib.util

from app.errors import Unavailable

PACKAGES = ("torch", "diffusers", "peft", "transformers", "safetensors")


def require_extra() -> None:
    """Raise `Unavailable` where the packages that compute are not installed."""
    missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise Unavailable(
            f"This needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            'Install the worker\'s extra: pip install "tastemaker[worker]".',
        )
