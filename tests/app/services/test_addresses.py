import asyncio

import pytest

from app.errors import Refused
from app.services import addresses

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fec0::1", "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
    "255.255.255.255", "240.0.0.1", "2002:a00:1::", "2001:0:a00:1::", "::10.0.0.1", "nonsense",
]  # fmt: skip


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_reached(address: str) -> None:
    assert addresses.may_reach(address, private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_only_where_the_installation_lets_them(address: str) -> None:
    assert not addresses.may_reach(address, private=False)
    assert addresses.may_reach(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_link_local_multicast_and_tunnels_never(address: str) -> None:
    assert not addresses.may_reach(address, private=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "0x7f.1"])
def test_a_name_is_looked_at_by_what_it_means_however_it_is_written(host: str) -> None:
    with pytest.raises(Refused, match="no address of the internet"):
        asyncio.run(addresses.resolve(host, 80, private=False))
    assert set(asyncio.run(addresses.resolve(host, 80, private=True))) <= {"127.0.0.1", "::1"}


def test_an_address_in_an_address_is_refused_without_a_look_up_and_a_name_is_left_for_later() -> None:
    addresses.check_literal("hooks.example.org", private=False)
    addresses.check_literal("8.8.8.8", private=False)
    with pytest.raises(Refused, match=r"169\.254\.169\.254"):
        addresses.check_literal("169.254.169.254", private=True)
