"""`tastemaker checkpoint push` as a script types it, with a worker of its own, to a hub on loopback."""

import json
import sys
from collections.abc import Iterator

import pytest

from app.artifacts import Artifacts
from app.cli import main
from app.db import transaction
from app.settings import Settings, activate
from tests import builders, scenes
from tests.hubs import TOKEN, Hub, hub


@pytest.fixture
def there() -> Iterator[Hub]:
    with hub() as server:
        yield server


@pytest.fixture
def checkpoint(active: Settings, artifacts: Artifacts, there: Hub) -> Iterator[str]:
    """A checkpoint of an instance that runs elsewhere, whose token the hub knows."""
    with activate(active.with_values(hub_token=TOKEN, hub_endpoint=there.url)):
        with transaction() as session:
            made = scenes.checkpoint(session, builders.study(session, name="Emoji"), artifacts=artifacts)
        yield str(made.id)


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["tastemaker", "checkpoint", "push", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_it_is_sent_by_a_worker_of_the_command_which_says_how_far_it_is(
    there: Hub, checkpoint: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, checkpoint, "--repo", "me/emoji-lora", "--public", "--json") == 0
    printed = capfd.readouterr()
    told = json.loads(printed.out)
    repository = there.repositories["me/emoji-lora"]
    assert not repository.private
    assert told == {
        "id": told["id"], "checkpoint": int(checkpoint), "repo": "me/emoji-lora", "private": False,
        "provenance": False, "url": f"{there.url}/me/emoji-lora", "commit": repository.head,
        "bytes": sum(len(content) for name, content in repository.files.items() if name != ".gitattributes"),
    }  # fmt: skip
    assert TOKEN not in printed.out + printed.err


def test_what_goes_wrong_ends_it_with_the_reason(
    there: Hub, checkpoint: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, checkpoint, "--repo", "others/lora") == 5
    assert "The token may not write to others/lora." in capfd.readouterr().err
    assert typed(monkeypatch, checkpoint, "--repo", "no owner") == 2
    assert typed(monkeypatch, "999", "--repo", "me/x") == 4
    assert there.repositories == {}
