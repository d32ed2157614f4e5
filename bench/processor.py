"""Processor time of a product's processes."""

import psutil

from bench.throwaway import Product


def cpu_seconds(product: Product) -> dict[str, float]:
    """Processor seconds used so far by the site and the servers, each with its children, and by this process."""
    used = {"annotators": _own_seconds(psutil.Process())}
    for name, pid in product.pids.items():
        process = psutil.Process(pid)
        used[name] = sum(map(_own_seconds, [process, *process.children(recursive=True)]))
    return used


def _own_seconds(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:  # a child, such as one of PostgreSQL's, ended since it was listed
        return 0.0
