"""Trajectories taken away: the tensors that were stored, tied to pairs and answers; and what is said of those gone."""

import io
import json
import tarfile
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load

from app.artifacts import Artifacts
from app.db import transaction
from app.errors import BadInput, Conflict, Gone
from app.models import Answer, RoundState, Sample
from app.services import export_files, export_formats, export_source, export_trajectories, export_writers, samples
from app.services.export_source import Rounds, Source
from app.services.group_tensors import first_noise
from tests import builders
from worker.d3po import RoundNoise, SamplingSettings, Trajectory, noise, trajectory

STEPS, SHAPE, SEED = 3, (4, 8, 8), 7
TRAJECTORIES = export_formats.get("trajectories")


class Kept:
    """Two rounds: of the older one retention has taken the trajectories, of the newer one's pairs two are answered."""

    def __init__(self, sessions, artifacts: Artifacts) -> None:
        self.artifacts, self.transactions = artifacts, partial(transaction, sessions)
        self.paths: dict[int, Trajectory] = {}
        with self.transactions() as session:
            study = builders.study(session, seed=SEED)
            self.study, self.person = study.id, builders.user(session)
            old = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
            new = builders.round_(session, study_id=study.id)
            self.gone = self._pair(session, old, number=1)
            self.there = [self._pair(session, new, number=2) for _ in range(2)]
            builders.pair(session, round_id=new.id)  # nobody has answered it
            for sample in (self.gone.first_id, self.gone.second_id):
                row = samples.get(session, sample)
                artifacts.delete(row.trajectory_key)
                row.trajectory_removed_at = builders.now()
            self.choices = [
                builders.choice(session, pair_id=pair.id, user_id=self.person.id, answer=Answer.SECOND)
                for pair in (self.gone, *self.there)
            ]

    def _pair(self, session, round_, *, number: int):
        pair = builders.pair(session, round_id=round_.id)
        for sample_id in (pair.first_id, pair.second_id):
            self._draw(samples.get(session, sample_id), number)
        return pair

    def _draw(self, row: Sample, round_number: int) -> None:
        generator = torch.Generator().manual_seed(row.id)
        path = Trajectory(
            latents=torch.randn(STEPS, *SHAPE, generator=generator).half(),
            timesteps=torch.tensor([951, 501, 1]),
            log_probs=torch.randn(STEPS, generator=generator),
            prompt="cat face",
            noise=RoundNoise(SEED, round_number, 0),
            sample=row.number,
            sampling=SamplingSettings(steps=STEPS),
            policy="base",
            precision="fp32",
        )
        stored = self.artifacts.put_bytes(f"t/{row.id}.safetensors", trajectory.to_bytes(path))
        row.trajectory_key, row.trajectory_size, row.trajectory_sha256 = stored.key, stored.size, stored.sha256
        self.paths[row.id] = path

    def source(self, rounds: Rounds = Rounds.PREFERENCE) -> Source:
        with self.transactions() as session:
            about = export_source.about(session, self.study)
        return Source(self.transactions, self.artifacts, about, rounds, secret="secret")

    def check(self, rounds: Rounds = Rounds.PREFERENCE) -> None:
        with self.transactions() as session:
            TRAJECTORIES.check(session, self.study, rounds)

    def folder(self, path: Path) -> Path:
        export_files.write_folder(self.source(), TRAJECTORIES, path)
        return path


@pytest.fixture
def kept(sessions, tmp_path) -> Kept:
    return Kept(sessions, Artifacts(str(tmp_path / "artifacts")))


def lines(folder: Path) -> dict[int, dict]:
    told = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    return {line["pair"]: line for line in told}


def member(folder: Path, line: dict, name: str | None = None) -> bytes:
    with tarfile.open(folder / line["shard"]) as archive:
        found = archive.extractfile(name or line["file"])
        assert found is not None
        return found.read()


def test_each_answered_pair_leads_to_both_its_paths_as_they_were_drawn(kept, tmp_path):
    folder = kept.folder(tmp_path / "out")
    index = lines(folder)
    for pair in kept.there:
        line = index[pair.id]
        tensors = load(member(folder, line))
        for side in ("first", "second"):
            path, number = kept.paths[line[f"{side}_sample"]], line[f"{side}_number"]
            assert line[f"{side}_sample"] == getattr(pair, f"{side}_id")
            for name in ("latents", "timesteps", "log_probs"):
                torch.testing.assert_close(tensors[f"{number}.{name}"], getattr(path, name), rtol=0, atol=0)
            drawn = torch.cat([tensors["x_T"][None], tensors[f"{number}.latents"]])
            torch.testing.assert_close(drawn, trajectory.states_of(path), rtol=0, atol=0)


def test_the_index_and_the_groups_file_hold_what_was_said(kept, tmp_path):
    folder = kept.folder(tmp_path / "out")
    line = lines(folder)[kept.there[0].id]
    assert (line["p"], line["weight"], line["missing"]) == (0.0, 1.0, None)
    assert line["choices"] == [kept.choices[1].id]
    told = json.loads(member(folder, line, line["file"].replace(".safetensors", ".json")))
    assert [pair["pair"] for pair in told["pairs"]] == [kept.there[0].id]
    assert {told["prompt"], told["pairs"][0]["prompt"]} == {line["prompt"]}
    assert told["pairs"][0]["choices"][0]["annotator"].startswith("annotator-")


def test_the_metadata_tells_how_each_path_was_drawn(kept, tmp_path):
    folder = kept.folder(tmp_path / "out")
    line = lines(folder)[kept.there[0].id]
    (tmp_path / "group.safetensors").write_bytes(member(folder, line))
    with safe_open(tmp_path / "group.safetensors", "pt") as file:
        metadata = file.metadata()
    group = json.loads(metadata["tastemaker.group"])
    assert group["samples"] == {"0": line["first_sample"], "1": line["second_sample"]}
    described = json.loads(metadata["tastemaker.trajectory.1"])
    assert (described["policy"], described["precision"], described["sampling"]["steps"]) == ("base", "fp32", STEPS)


def test_pairs_whose_trajectories_were_cleaned_up_stand_in_the_index_alone(kept, tmp_path):
    folder = kept.folder(tmp_path / "out")
    line = lines(folder)[kept.gone.id]
    assert (line["missing"], line["shard"], line["file"]) == ("cleaned_up", None, None)
    assert len(line["first_trajectory_sha256"]) == 64
    card = (folder / "README.md").read_text()
    assert "2 pairs with both trajectories" in card
    assert "1 pairs without" in card


def test_shards_are_bounded_and_hold_whole_groups(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(export_writers, "SHARD_BYTES", 1)
    folder = kept.folder(tmp_path / "out")
    assert len({line["shard"] for line in lines(folder).values() if line["shard"]}) == 2
    for shard in sorted(folder.glob("shard-*.tar")):
        with tarfile.open(shard) as archive:
            assert [name.split(".")[1] for name in archive.getnames()] == ["safetensors", "json"]


def test_where_all_are_gone_it_is_said_before_anything_is_written(kept):
    kept.check()
    kept.check(Rounds.ALL)
    with kept.transactions() as session:
        for pair in kept.there:
            for sample in (pair.first_id, pair.second_id):
                samples.get(session, sample).trajectory_removed_at = builders.now()
    with pytest.raises(Gone, match="last 3 rounds"):
        kept.check()


def test_blind_comparisons_and_studies_without_pictures_have_none(kept):
    with pytest.raises(BadInput, match="without keeping trajectories"):
        kept.check(Rounds.EVALUATION)
    with kept.transactions() as session:
        empty = builders.study(session).id
        with pytest.raises(Conflict, match="No trajectory"):
            export_trajectories.check(session, empty, Rounds.PREFERENCE)


def test_the_starting_noise_is_the_workers_to_the_bit():
    ours = torch.from_numpy(first_noise(3, 2, 41, (4, 9, 7)))
    torch.testing.assert_close(ours, noise.normal(RoundNoise(3, 2, 41).initial(), (4, 9, 7)), rtol=0, atol=0)


def test_webdataset_reads_a_group_by_its_key(kept, tmp_path):
    """The part before the first dot is the key by which it groups files, as the library's own reader does."""
    folder = kept.folder(tmp_path / "out")
    line = lines(folder)[kept.there[0].id]
    with tarfile.open(fileobj=io.BytesIO((folder / line["shard"]).read_bytes()), mode="r|") as archive:
        names = [entry.name for entry in archive]
    keys = {name.split(".")[0] for name in names}
    assert len(names) == 2 * len(keys)


def test_groups_that_nobody_answered_are_passed_over(kept):
    with kept.transactions() as session:
        last = builders.pair(session, round_id=kept.there[0].round_id)  # behind the one that nobody has answered
        builders.choice(session, pair_id=last.id, user_id=kept.person.id, answer=Answer.FIRST)
        answered = [pair.id for pair in (kept.gone, *kept.there, last)]
    walked = [[row.pair for row in batch] for batch in kept.source().by_groups(1)]
    assert walked == [[pair] for pair in answered]
