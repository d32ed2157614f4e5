import socket

import pytest

from app.errors import Refused
from app.supervisor.ports import free_port, refuse_taken_port


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
