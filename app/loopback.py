"""Which names and addresses mean this machine alone."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether `host`, without a port or brackets, is this machine and nobody else can reach it by that name."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
