import pytest

from app.loopback import is_loopback


@pytest.mark.parametrize(("host", "expected"), [("localhost", True), ("127.0.0.5", True), ("::1", True)])
def test_loopback_is_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "taste.example"])
def test_other_addresses_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)
