import socket

import pytest

from app.errors import Refused
from app.supervisor.ports import free_port, is_loopback, refuse_taken_port


def test_a_free_port_is_accepted() -> None:
    refuse_taken_port("127.0.0.1", free_port())


def test_a_taken_port_is_refused_with_how_to_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"another program uses port {port}.*--port {port + 1}, or TASTEMAKER_PORT"):
            refuse_taken_port("127.0.0.1", port)


def test_an_address_that_is_not_this_machine_s_is_refused() -> None:
    with pytest.raises(Refused, match="Check TASTEMAKER_HOST"):
        refuse_taken_port("192.0.2.1", free_port())


@pytest.mark.parametrize(("host", "expected"), [("localhost", True), ("127.0.0.5", True), ("::1", True)])
def test_loopback_is_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "taste.example"])
def test_other_addresses_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)
