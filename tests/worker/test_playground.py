"""The playground on the real worker with the demo model: at which strength and in which mix a picture is whose."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.artifacts import Artifacts
from app.db import transaction
from app.models import BaseModel, Checkpoint, JobKind, JobState, Role, Study, TryIt
from app.services import disk, playground, sweep, tries, unnamed
from app.services.playground import Drawing, Policy, Wish
from app.services.try_views import Trying
from app.settings import Settings
from tests import builders
from tests.worker import rooms
from tests.worker.d3po.tiny import LORA, shaken
from worker import bridge, images, lora, policies
from worker.d3po import Adapter, SamplingSettings, sample_groups
from worker.d3po.lora_files import LoraInfo
from worker.files import OwnFiles
from worker.images import pixels


@pytest.fixture
def study(active: Settings, demo_model: Path) -> Study:
    return rooms.make_study(demo_model)


@pytest.fixture
def two(study: Study, artifacts: Artifacts) -> Iterator[tuple[Checkpoint, Checkpoint]]:
    """Two checkpoints of the study, of different rank, that change the pictures."""
    with transaction() as session:
        model = session.get_one(BaseModel, study.base_model_id)
        made = [_checkpoint(session, study, model, artifacts, rank, by) for rank, by in ((4, 0.06), (2, -0.08))]
    yield made[0], made[1]
    policies.release()


def _checkpoint(session, study: Study, model: BaseModel, artifacts: Artifacts, rank: int, by: float) -> Checkpoint:  # type: ignore[no-untyped-def]
    """A checkpoint as a training run would have stored it; what it learned was drawn by chance."""
    policy = policies.policy_of(model, None, "fp32", artifacts).with_fresh_adapter(rank, 6.0, LORA[2], rank)
    adapter = shaken(policy, by).adapter
    policy.with_adapter(None)
    assert adapter is not None
    files = OwnFiles(artifacts, f"studies/{study.id}/rounds/{rank}/runs/1-1")
    stored = lora.store(files, adapter.to_bytes(), LoraInfo(title="Tiny"))
    run = builders.training_run(
        session,
        training_set_id=builders.training_set(
            session, round_id=builders.round_(session, study_id=study.id, state="complete").id
        ).id,
    )
    return builders.checkpoint(session, training_run_id=run.id, files=stored, adapter_sha256=adapter.identity)


def ask(study: Study, *wanted: Policy, **drawing: object) -> int:
    with transaction() as session:
        made = playground.ask(
            session, study_id=study.id, prompt="cat face", policies=wanted,
            drawing=Drawing(**{"seed": 7, "draws": 2, **drawing}), actor=None,  # type: ignore[arg-type]
        )  # fmt: skip
        return made.id


def look(try_id: int) -> Trying:
    with transaction() as session:
        return playground.view(session, try_id)


def drawn(artifacts: Artifacts, try_id: int) -> list[Sequence[np.ndarray]]:
    """Of each policy its pictures, one of each noise."""
    found = look(try_id)
    assert (found.state, found.error) == (JobState.DONE, None)
    return list(zip(*([pixels(artifacts.get_bytes(one.key)) for one in row] for row in found.rows), strict=True))


def same(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def test_strength_0_is_the_base_1_the_checkpoint_and_a_mix_of_1_and_0_its_first(
    study: Study, two: tuple[Checkpoint, Checkpoint], artifacts: Artifacts
) -> None:
    first, second = (one.id for one in two)
    one_by_one = ask(study, [], [Wish(first, 0)], [Wish(first)], [Wish(first, 0.5)])
    mixes = ask(study, [Wish(first, 1), Wish(second, 0)], [Wish(first, 0), Wish(second, 1)], [Wish(second)],
                [Wish(first, 0.5), Wish(second, 0.5)])  # fmt: skip
    claims = rooms.work_off()
    assert [claim.kind for claim in claims] == [JobKind.TRY_IT] * 2

    base, nothing, whole, half = drawn(artifacts, one_by_one)
    only_first, only_second, own, mixed = drawn(artifacts, mixes)
    assert same(base, nothing)
    assert same(whole, only_first)
    assert same(only_second, own)
    different = [base, whole, half, own, mixed]
    assert not any(same(a, b) for n, a in enumerate(different) for b in different[n + 1 :])
    assert not same(base[:1], base[1:]), "the two noises differ"
    assert len({picture.shape for pictures in different for picture in pictures}) == 1

    # the checkpoint's own picture: drawn by the library alone from the stored adapter, at the noise that is written
    with transaction() as session:
        model = session.get_one(BaseModel, study.base_model_id)
    sampling = look(one_by_one).sampling
    alone = sample_groups(
        policies.policy_of(model, two[0], "auto", artifacts),
        bridge.playground_groups("cat face", 7, 2),
        bridge.sampling_settings(sampling),
        batch=2,
        trajectories=False,
    )
    assert same([record.image for record in alone], whole)


def test_a_mix_is_what_weights_merged_by_hand_draw(
    study: Study, two: tuple[Checkpoint, Checkpoint], artifacts: Artifacts
) -> None:
    first, second = two
    mix = ask(study, [Wish(first.id, 0.6), Wish(second.id, 0.7)])
    rooms.work_off()
    ((*pictures,),) = drawn(artifacts, mix)
    with transaction() as session:
        model = session.get_one(BaseModel, study.base_model_id)
    policies.release()
    policy = policies.policy_of(model, None, "auto", artifacts)
    modules = dict(policy.unet.named_modules())
    for checkpoint, weight in ((first, 0.6), (second, 0.7)):
        adapter: Adapter = policies.adapter_of(checkpoint, artifacts)
        for name in adapter.modules:
            a, b = (adapter.tensors[f"{name}.lora_{side}.weight"] for side in "AB")
            modules[name].weight.data += weight * adapter.alpha / adapter.rank * (b @ a)
    settings: SamplingSettings = bridge.sampling_settings(look(mix).sampling)
    merged = sample_groups(policy, bridge.playground_groups("cat face", 7, 2), settings, batch=2, trajectories=False)
    for picture, record in zip(pictures, merged, strict=True):
        apart = np.abs(picture.astype(int) - record.image.astype(int))
        assert apart.max() <= 2
        assert (apart > 0).mean() < 0.02


def test_eta_0_draws_by_ddim_and_what_differs_from_the_study_is_drawn(study: Study, artifacts: Artifacts) -> None:
    tried = [ask(study, []), ask(study, [], eta=0.0), ask(study, [], guidance=9.0), ask(study, [], seed=8),
             ask(study, [], negative_prompt="blue")]  # fmt: skip
    rooms.work_off()
    pictures = [drawn(artifacts, try_id)[0] for try_id in tried]
    assert not any(same(a, b) for n, a in enumerate(pictures) for b in pictures[n + 1 :])
    assert (look(tried[1]).eta, look(tried[0]).eta) == (0.0, look(tried[0]).sampling.eta)


def test_it_stays_is_counted_and_goes_with_its_files(study: Study, artifacts: Artifacts) -> None:
    kept, gone = ask(study, []), ask(study, [], draws=1)
    rooms.work_off()
    with transaction() as session:
        for try_id in (kept, gone):
            session.get_one(TryIt, try_id).created_at = builders.now().replace(year=2020)
        assert tries.sweep(session, artifacts) == 0
        keys = {picture.key for picture in look(kept).pictures}
        assert keys < unnamed.named(session, study.id, None)
        assert disk.count(session, study.id).files == 3
        user = builders.user(session, role=Role.ADMIN)
    with transaction() as session:
        playground.remove(session, artifacts, try_id=gone, actor=user)
    assert rooms.stored_files() == keys
    assert sweep.sweep()
    assert rooms.stored_files() == keys


def test_one_that_is_stopped_while_it_is_drawn_leaves_nothing(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    try_id = ask(study, [])
    with transaction() as session:
        admin = builders.user(session, role=Role.ADMIN)
    webp = images.webp

    def stopped_after_the_first(image: np.ndarray) -> bytes:
        if rooms.stored_files():
            with transaction() as session:
                playground.stop(session, try_id=try_id, actor=admin)
        return webp(image)

    monkeypatch.setattr(images, "webp", stopped_after_the_first)
    rooms.work_off()
    assert (look(try_id).state, look(try_id).pictures) == (JobState.CANCELLED, [])
    assert rooms.stored_files() == set()
