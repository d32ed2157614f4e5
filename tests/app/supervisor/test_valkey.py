from pathlib import Path

import pytest
import redis

from app.supervisor import EmbeddedServers


def only_valkey(data_dir: Path) -> EmbeddedServers:
    return EmbeddedServers(data_dir, postgres=False)


def test_messages_survive_a_stop(data_dir: Path) -> None:
    with only_valkey(data_dir) as servers, redis.Redis.from_url(str(servers.broker_url)) as client:
        client.lpush("accelerator", "look")
    with only_valkey(data_dir) as servers, redis.Redis.from_url(str(servers.broker_url)) as client:
        assert client.lrange("accelerator", 0, -1) == [b"look"]


def test_it_wants_its_password(data_dir: Path) -> None:
    with only_valkey(data_dir) as servers:
        port = str(servers.broker_url).rpartition(":")[2].partition("/")[0]
        with redis.Redis(port=int(port)) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_its_password_is_for_the_owner_only(data_dir: Path) -> None:
    with only_valkey(data_dir):
        modes = {name: (data_dir / "valkey" / name).stat().st_mode & 0o777 for name in ("password", "valkey.conf")}
    assert modes == {"password": 0o600, "valkey.conf": 0o600}


def test_a_file_that_a_crash_cut_short_does_not_block_the_start(data_dir: Path) -> None:
    with only_valkey(data_dir) as servers, redis.Redis.from_url(str(servers.broker_url)) as client:
        client.lpush("cpu", "first", "second")
    increment = next((data_dir / "valkey" / "appendonlydir").glob("*.incr.aof"))
    increment.write_bytes(increment.read_bytes()[:-5])
    with only_valkey(data_dir) as servers, redis.Redis.from_url(str(servers.broker_url)) as client:
        assert client.ping()
