import pytest
from limits import parse

from app.errors import TooMany
from app.services.limits import Limits, network

TWO = parse("2 per 1 minute")
AWAY = "redis://127.0.0.1:9/0"


@pytest.fixture(params=["broker", "no broker", "a broker that is away"])
def counts(request):
    url = {"broker": lambda: request.getfixturevalue("broker_url"), "no broker": lambda: None}
    return Limits(url.get(request.param, lambda: AWAY)())


def test_so_many_tries_are_taken_and_the_next_is_told_when_to_come_back(counts):
    for _ in range(2):
        counts.take(TWO, "ada", "10.0.0.1")
    with pytest.raises(TooMany) as caught:
        counts.take(TWO, "ada", "10.0.0.1")
    assert 50 <= caught.value.retry_after <= 60
    assert "Try again in" in caught.value.remedy


def test_each_key_is_counted_for_itself_whatever_its_case(counts):
    counts.take(TWO, "ada", "10.0.0.1")
    counts.take(TWO, "ADA", "10.0.0.1")
    counts.take(TWO, "ada", "10.0.0.2")
    with pytest.raises(TooMany):
        counts.check(TWO, "Ada", "10.0.0.1")
    counts.check(TWO, "ada", "10.0.0.2")


def test_looking_counts_nothing_and_forgetting_begins_afresh(counts):
    for _ in range(5):
        counts.check(TWO, "ada")
    for _ in range(2):
        counts.take(TWO, "ada")
    counts.forget(TWO, "ada")
    counts.take(TWO, "ada")


def test_all_processes_count_together(broker_url):
    one, other = Limits(broker_url), Limits(broker_url)
    one.take(TWO, "ada")
    other.take(TWO, "ada")
    with pytest.raises(TooMany):
        one.take(TWO, "ada")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.168.1.4", "192.168.1.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("2001:db8:1:2:ffff::1", "2001:0db8:0001:0002"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_network_is_one_address(address, counted):
    assert network(address) == counted
