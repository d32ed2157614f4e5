"""Which addresses the site may send requests to on someone's behalf.

A webhook's address is given by a person and reached by the site, from inside its network (server-side request forgery).
So its name is resolved here, each address is looked at, and the connection is made to that very address: a name that
means something else a moment later changes nothing.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.errors import Refused

Address = IPv4Address | IPv6Address

NAT64 = IPv6Network("64:ff9b::/96")  # IPv4 addresses behind a translator (RFC 6052)
FUTURE = IPv4Network("240.0.0.0/4")  # never given out, and the broadcast address
OLD_IPV4 = IPv6Network("::/96")  # IPv4-compatible addresses, long deprecated


async def resolve(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of `host` that may be reached, as the resolver orders them. With `private`, the machine's own and
    the network's too. Raises `Refused` where there is none, and `OSError` where the name is not known."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [address for address in addresses if may_reach(address, private=private)]
    if not allowed:
        raise refusal(host, addresses)
    return allowed


def check_literal(host: str, *, private: bool) -> None:
    """Raises `Refused` where `host` is itself an address that may not be reached; names are looked at when sending."""
    try:
        ip_address(host)
    except ValueError:
        return
    if not may_reach(host, private=private):
        raise refusal(host, [host])


def may_reach(text: str, *, private: bool) -> bool:
    """Whether this address may be reached. Link-local ones never: machines in a cloud find their credentials there."""
    try:
        address = _meant(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address is None or address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    if address.is_global and not (isinstance(address, IPv6Address) and address.is_site_local):
        return True
    return private and address not in FUTURE


def refusal(host: str, addresses: list[str]) -> Refused:
    named = "" if addresses == [host] else f" ({', '.join(addresses)})"
    return Refused(
        f"{host}{named} is no address of the internet, and this site sends nothing elsewhere.",
        "Use a public address, or let an operator set TASTEMAKER_WEBHOOK_PRIVATE=true.",
    )


def _meant(address: Address) -> Address | None:
    """The address behind one that wraps another; none where it leads through a tunnel."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None or address.teredo is not None:
        return None
    if address in OLD_IPV4 and not address.is_loopback:
        return None
    return address
