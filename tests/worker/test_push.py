"""Checkpoints pushed by a worker to a hub on loopback, by the hub's own library: what arrives, what is refused, and how
that is said."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import yaml
from diffusers import StableDiffusionPipeline
from sqlalchemy import select

from app import logs
from app.artifacts import Artifacts
from app.db import transaction
from app.models import Checkpoint, Event, Job, JobState, Push, Queue, Study
from app.services import checkpoint_folders, checkpoint_views, pushes
from app.services.pushes import PushLine
from app.settings import Settings, activate, get_settings
from app.supervisor.ports import free_port
from tests import builders, scenes
from tests.hubs import TOKEN, Hub, Repository, hub
from tests.worker import rooms
from tests.worker.d3po.tiny import LORA, shaken
from worker.attempt import attempt
from worker.claims import Identity, due_jobs
from worker.d3po import LoraInfo, load_policy, write_diffusers, write_kohya
from worker.shutdown import ShutdownFlag
from worker.tasks import push as task
from worker.tasks import run

# the library calls httpx as it called requests before
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def there() -> Iterator[Hub]:
    with hub() as server:
        yield server


@pytest.fixture
def settings_of_hub(active: Settings, there: Hub) -> Iterator[Settings]:
    settings = active.with_values(hub_token=TOKEN, hub_endpoint=there.url)
    with activate(settings):
        yield settings


@pytest.fixture
def checkpoint(settings_of_hub: Settings, artifacts: Artifacts) -> int:
    with transaction() as session:
        return scenes.checkpoint(session, builders.study(session, name="Emoji"), artifacts=artifacts).id


@pytest.fixture
def push(settings_of_hub: Settings, checkpoint: int) -> Callable[..., PushLine]:
    """A function that asks for a push and has a worker send it: how it ended."""

    def ask_and_send(repo: str = "me/emoji-lora", of: int = checkpoint, **wanted: bool) -> PushLine:
        with transaction() as session:
            made = pushes.ask(
                session, checkpoint_id=of, repo=repo, settings=settings_of_hub, actor=None, **wanted
            ).id  # fmt: skip
        work_off()
        return line_of(made)

    return ask_and_send


@pytest.fixture
def logged(active: Settings) -> Iterator[io.StringIO]:
    """What is logged, as a worker logs it."""
    before, written = structlog.get_config(), io.StringIO()
    logs.configure(active)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    yield written
    structlog.configure(**before)


def work_off() -> None:
    for claim in due_jobs(Identity("files", Queue.CPU), ShutdownFlag()):
        attempt(claim, ShutdownFlag(), run)


def line_of(push_id: int) -> PushLine:
    with transaction() as session:
        return pushes.get(session, push_id)


def folder(artifacts: Artifacts, checkpoint: int, **wanted: bool) -> dict[str, bytes]:
    with transaction() as session:
        return dict(
            checkpoint_folders.of_repository(
                session, artifacts, checkpoint, "me/emoji-lora", secret=get_settings().secret(),
                with_provenance=wanted.get("provenance", False),
            )
        )  # fmt: skip


def test_what_arrives_is_the_folder_to_the_byte_in_one_commit_of_a_private_repository(
    there: Hub, checkpoint: int, artifacts: Artifacts, push: Callable[..., PushLine]
) -> None:
    line = push()
    assert (line.state, line.error) == (JobState.DONE, None)
    repository = there.repositories["me/emoji-lora"]
    assert repository.private
    assert repository.commits == ["initial commit", "Emoji, checkpoint 1"]
    sent = {name: content for name, content in repository.files.items() if name != ".gitattributes"}
    assert sent == folder(artifacts, checkpoint)
    with transaction() as session:
        forms = {one.format: one for one in checkpoint_views.page(session, checkpoint).files}
    assert sent["pytorch_lora_weights.safetensors"] == artifacts.get_bytes(forms["diffusers"].key)
    assert sent[forms["kohya"].name] == artifacts.get_bytes(forms["kohya"].key)
    assert "provenance.json" not in sent
    card = sent["README.md"].decode()
    assert 'pipe.load_lora_weights("me/emoji-lora")' in card
    assert "provenance.json" not in card
    for one in yaml.safe_load(card.split("---\n")[1])["widget"]:
        assert one["output"]["url"] in sent
    assert (line.url, line.commit, line.private) == (f"{there.url}/me/emoji-lora", repository.head, True)
    assert line.done == line.total == sum(len(content) for content in sent.values())


def test_diffusers_finds_the_lora_in_what_has_arrived(
    there: Hub, checkpoint: int, artifacts: Artifacts, push: Callable[..., PushLine], demo_model: Path, tmp_path: Path
) -> None:
    adapter = shaken(load_policy(str(demo_model), device="cpu").with_fresh_adapter(*LORA)).adapter
    assert adapter is not None
    with transaction() as session:
        row = session.get_one(Checkpoint, checkpoint)
        for name, write in (("diffusers", write_diffusers), ("kohya", write_kohya)):
            stored = artifacts.put_bytes(f"real/{name}.safetensors", write(adapter, LoraInfo(title="Emoji")))
            file = {**row.files[name], "key": stored.key, "size": stored.size, "sha256": stored.sha256}
            row.files = row.files | {name: file}
    assert push().state is JobState.DONE
    for name, content in there.repositories["me/emoji-lora"].files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    pipe = StableDiffusionPipeline.from_pretrained(demo_model)
    pipe.load_lora_weights(tmp_path)
    (loaded,) = pipe.get_list_adapters()["unet"]
    held = {name: weight for name, weight in pipe.unet.state_dict().items() if f".lora_B.{loaded}." in name}
    assert len(held) == len(adapter.tensors) // 2
    assert all(weight.abs().sum() > 0 for weight in held.values())


def test_it_can_be_for_all_to_see_and_with_every_choice(
    there: Hub, checkpoint: int, artifacts: Artifacts, push: Callable[..., PushLine]
) -> None:
    line = push(private=False, provenance=True)
    repository = there.repositories["me/emoji-lora"]
    assert (line.private, repository.private) == (False, False)
    assert repository.files["provenance.json"] == folder(artifacts, checkpoint, provenance=True)["provenance.json"]
    assert "`provenance.json` beside this card" in repository.files["README.md"].decode()


def test_the_same_again_makes_no_commit_and_sends_no_file(there: Hub, push: Callable[..., PushLine]) -> None:
    first = push()
    there.asked.clear()
    second = push()
    assert second.state is JobState.DONE
    assert (second.id, second.commit) != (first.id, None)
    assert second.commit == first.commit
    assert there.repositories["me/emoji-lora"].commits == ["initial commit", "Emoji, checkpoint 1"]
    assert not any(one.startswith("PUT") or "/commit/" in one for one in there.asked)


def test_the_next_checkpoint_takes_the_place_of_the_last_and_nothing_of_others_goes(
    there: Hub, checkpoint: int, artifacts: Artifacts, push: Callable[..., PushLine]
) -> None:
    push(provenance=True)
    repository = there.repositories["me/emoji-lora"]
    repository.files |= {"images/99.webp": b"of a prompt that is no more", "LICENSE": b"ours"}
    repository.commits.append("by hand")
    with transaction() as session:
        parent = session.get_one(Checkpoint, checkpoint)
        study = session.get_one(Study, parent.study_id)
        second = scenes.checkpoint(session, study, parent=parent, artifacts=artifacts).id
    assert push(of=second).state is JobState.DONE
    assert repository.commits[-2:] == ["by hand", "Emoji, checkpoint 2"]
    theirs = {".gitattributes", "LICENSE"}
    assert repository.files.keys() - theirs == folder(artifacts, second).keys()
    assert {name: repository.files[name] for name in repository.files.keys() - theirs} == folder(artifacts, second)


def test_a_private_push_refuses_a_repository_that_anyone_can_see(there: Hub, push: Callable[..., PushLine]) -> None:
    there.repositories["me/emoji-lora"] = Repository(private=False)
    line = push()
    assert line.state is JobState.FAILED
    assert "anyone can see it" in (line.error or "")
    assert there.repositories["me/emoji-lora"].commits == ["initial commit"]
    assert not any(one.startswith("PUT") for one in there.asked)


def test_a_repository_that_is_private_stays_so_and_is_told_as_it_is(there: Hub, push: Callable[..., PushLine]) -> None:
    there.repositories["me/emoji-lora"] = Repository(private=True)
    line = push(private=False)
    assert (line.state, line.private) == (JobState.DONE, True)
    assert there.repositories["me/emoji-lora"].private


@pytest.mark.parametrize(
    ("faults", "says", "for_good"),
    [
        ({"/api/repos/create": 401}, "refuses the token. It says: No, not …! Set TASTEMAKER_HUB_TOKEN", True),
        ({"/commit/": 403}, "The token may not write to me/emoji-lora.", True),
        ({"/preupload/": 404}, "The hub has no me/emoji-lora that the token may see.", True),
        ({"/commit/": 412}, "me/emoji-lora was changed just now.", False),
        ({"/api/repos/create": 503}, "The hub is busy or has trouble: it answered 503.", False),
        ({"/api/repos/create": 400}, "The hub does not take me/emoji-lora: it answered 400.", True),
        ({"/lfs/": 403}, "The token may not write to me/emoji-lora.", True),
    ],
)  # fmt: skip
def test_what_the_hub_refuses_is_said_plainly(
    there: Hub, push: Callable[..., PushLine], faults: dict[str, int], says: str, for_good: bool,
    logged: io.StringIO,
) -> None:  # fmt: skip
    there.faults, there.says = faults, f"No, not {TOKEN}!"
    line = push()
    assert says in (line.error or "")
    assert line.state is (JobState.FAILED if for_good else JobState.WAITING)
    assert (line.url, line.commit) == (None, None)
    nowhere_said(TOKEN, logged.getvalue())


def test_a_token_that_is_no_longer_valid_and_an_owner_that_is_not_the_token_s_are_said(
    there: Hub, settings_of_hub: Settings, push: Callable[..., PushLine]
) -> None:
    assert "The token may not write to others/lora." in (push("others/lora").error or "")
    with activate(settings_of_hub.with_values(hub_token="hf_another")):
        assert "refuses the token. It says: Invalid user token." in (push().error or "")
    assert there.repositories == {}


def test_a_hub_that_is_not_there_is_tried_again(settings_of_hub: Settings, push: Callable[..., PushLine]) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with activate(settings_of_hub.with_values(hub_endpoint=nowhere)):
        line = push()
    assert line.state is JobState.WAITING
    assert f"The hub does not answer at {nowhere}:" in (line.error or "")
    assert "TASTEMAKER_HUB_ENDPOINT" in (line.error or "")
    rooms.make_due()
    work_off()
    assert line_of(line.id).state is JobState.DONE


def test_one_that_is_stopped_commits_nothing_and_can_be_sent_again(
    there: Hub, push: Callable[..., PushLine], settings_of_hub: Settings
) -> None:
    stopped = []

    def stop() -> None:
        with there.lock, transaction() as session:
            if not stopped:
                (made,) = session.scalars(select(Push.id))
                pushes.stop(session, push_id=made, actor=None)
                stopped.append(made)

    there.before_upload = stop
    line = push()
    assert line.state is JobState.CANCELLED
    assert there.repositories["me/emoji-lora"].commits == ["initial commit"]
    with transaction() as session:
        pushes.again(session, push_id=line.id, actor=None)
    work_off()
    assert line_of(line.id).state is JobState.DONE


def test_one_that_had_arrived_when_its_worker_died_is_not_committed_twice(
    there: Hub, push: Callable[..., PushLine]
) -> None:
    line = push()
    with transaction() as session:
        job = session.get_one(Job, session.get_one(Push, line.id).job_id)
        job.state, job.lease_until = JobState.RUNNING, datetime.now(UTC) - timedelta(hours=1)
        sent = session.get_one(Push, line.id)
        sent.url = sent.commit = None
    work_off()
    assert line_of(line.id).commit == line.commit
    assert len(there.repositories["me/emoji-lora"].commits) == 2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"hub_token": None}, "This worker has no token for the hub."),
        ({"secret_key": "another secret that is long enough"}, "TASTEMAKER_SECRET_KEY"),
    ],
)
def test_a_worker_that_is_set_otherwise_than_the_site_says_so(
    there: Hub, settings_of_hub: Settings, checkpoint: int, values: dict[str, str], says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with transaction() as session:
        made = pushes.ask(
            session, checkpoint_id=checkpoint, repo="me/x", settings=settings_of_hub, actor=None
        ).id  # fmt: skip
    monkeypatch.setattr(task, "get_settings", lambda: settings_of_hub.with_values(**values))
    work_off()
    line = line_of(made)
    assert line.state is JobState.FAILED
    assert says in (line.error or "")
    assert there.asked == []


def nowhere_said(secret: str, logged: str) -> None:
    """Neither in the log nor in the history nor in what stands of jobs."""
    with transaction() as session:
        details = [str(one.details) for one in session.scalars(select(Event))]
        told = [f"{job.error} {job.payload} {job.progress}" for job in session.scalars(select(Job))]
    assert "job_failed" in logged
    assert secret not in "\n".join([logged, *details, *told])
