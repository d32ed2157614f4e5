"""Studies: made, read, changed; what is known of their labels and of their policies."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from tastemaker.client.http import Http
from tastemaker.client.prompts import StudyPrompts
from tastemaker.client.reading import read
from tastemaker.client.shapes import (
    BaseModel,
    Estimate,
    GridRow,
    JudgeScores,
    ModelCheck,
    Quality,
    Ranking,
    Sampler,
    Study,
    StudyDetail,
    StudyWarning,
)

Settings = dict[str, dict[str, Any]]  # what differs from a preset or a study, by block and field
Split = Literal["train", "eval", "both"]


class Studies:
    """`client.studies`. Making and changing one needs an admin's token."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self) -> Iterator[Study]:
        """Studies that are not archived, newest first."""
        return self._http.pages(Study, "/studies")

    def get(self, study: int) -> StudyDetail:
        return self._http.one(StudyDetail, "GET", f"/studies/{study}")

    def create(
        self, name: str, *, question: str, base_model: str, revision: str | None = None,
        prompts: Sequence[str | dict[str, Any]] | None = None, prompt_set: int | None = None, preset: str = "paper",
        settings: Settings | None = None, seed: int | None = None, key: str | None = None,
    ) -> StudyDetail:  # fmt: skip
        """Make a study of a folder on the site's machine or a hub id, with `prompts` (a text each, or a dictionary of
        text, split and weight) or the id of a prompt set. The same `key` again gives the study that was made first."""
        body = {
            "name": name, "question": question, "base_model": base_model, "revision": revision,
            "prompts": None if prompts is None else list(prompts), "prompt_set": prompt_set, "preset": preset,
            "settings": settings or {}, "seed": seed,
        }  # fmt: skip
        return self._http.one(StudyDetail, "POST", "/studies", body=body, key=key)

    def change(
        self, study: int, *, name: str | None = None, question: str | None = None, settings: Settings | None = None
    ) -> StudyDetail:
        """Name, question, and what later rounds draw and train with."""
        body = {"name": name, "question": question, "settings": settings or {}}
        return self._http.one(StudyDetail, "PATCH", f"/studies/{study}", body=body)

    def start_from(self, study: int, checkpoint: int | None) -> StudyDetail:
        """What the next round starts from: the id of a checkpoint of the study, None for the base."""
        return self._http.one(StudyDetail, "PATCH", f"/studies/{study}", body={"checkpoint": checkpoint})

    def run_on(self, study: int, rounds: int) -> StudyDetail:
        """How many further rounds the study launches by itself."""
        return self._http.one(StudyDetail, "PATCH", f"/studies/{study}", body={"auto_rounds": rounds})

    def change_labeling(self, study: int, **fields: Any) -> StudyDetail:
        """Labeling settings by name, also while rounds are open."""
        return self._http.one(StudyDetail, "PATCH", f"/studies/{study}/labeling", body=fields)

    def archive(self, study: int) -> StudyDetail:
        return self._http.one(StudyDetail, "POST", f"/studies/{study}/archive")

    def unarchive(self, study: int) -> StudyDetail:
        return self._http.one(StudyDetail, "POST", f"/studies/{study}/unarchive")

    def copy(self, study: int, name: str, *, seed: int | None = None) -> StudyDetail:
        """A study of the same model, prompts and settings."""
        return self._http.one(StudyDetail, "POST", f"/studies/{study}/copy", body={"name": name, "seed": seed})

    def file(self, study: int) -> str:
        """The study as TOML, which `create_from_file` and `tastemaker study create --file` read."""
        return self._http.content(f"/api/v1/studies/{study}/file").text

    def create_from_file(self, toml: str) -> StudyDetail:
        return self._http.one(StudyDetail, "POST", "/studies/file", body={"toml": toml})

    def estimate(
        self, *, preset: str = "paper", settings: Settings | None = None, base_model: int | None = None,
        prompt_set: int | None = None,
    ) -> Estimate:  # fmt: skip
        """What a round would take, from the site's own measurements. `base_model` and `prompt_set` are ids."""
        body = {"preset": preset, "settings": settings or {}, "base_model": base_model, "prompt_set": prompt_set}
        return self._http.one(Estimate, "POST", "/studies/estimate", body=body, repeatable=True)

    def warnings(self, study: int) -> Iterator[StudyWarning]:
        """What was found wrong with rounds and training runs, newest first."""
        return self._http.pages(StudyWarning, f"/studies/{study}/warnings")

    def quality(self, study: int, *, round: int | None = None) -> Quality:
        """How good the labels are, of the study or of one round of it. For admins."""
        return self._http.one(Quality, "GET", f"/studies/{study}/annotators", params={"round": round})

    def prompts(self, study: int, *, rounds: int | Literal["all"] = 20) -> StudyPrompts:
        """How each prompt fares over the newest so many `rounds` of each kind: how often it was drawn, how far people
        agree on it, which policy wins."""
        return self._http.one(StudyPrompts, "GET", f"/studies/{study}/prompts", params={"rounds": rounds})

    def grid(
        self, study: int, *, sampler: Sampler = "study", draw: int = 0, policies: Sequence[int] | None = None
    ) -> Iterator[GridRow]:
        """Evaluation pictures, prompt by prompt: of the policies of these numbers (0: the base), else of the newest."""
        named = None if policies is None else ",".join(map(str, policies))
        path = f"/studies/{study}/evaluation/grid"
        return self._http.pages(GridRow, path, sampler=sampler, draw=draw, policies=named)

    def tensorboard(self, study: int, folder: Path | str = ".") -> Path:
        """Write a zip with the metrics of all training runs into `folder`; unpack it, and give it to TensorBoard."""
        return self._http.save(f"/api/v1/studies/{study}/metrics/events", folder)

    def scores(self, study: int) -> list[JudgeScores]:
        """Each judge's means over the evaluation pictures, with paired differences to the base."""
        found = self._http.json("GET", f"/studies/{study}/evaluation/scores")
        return [read(JudgeScores, one) for one in found]

    def ranking(self, study: int) -> Ranking:
        """Policies ranked by people's blind comparisons."""
        return self._http.one(Ranking, "GET", f"/studies/{study}/evaluation/ranking")


class BaseModels:
    """`client.base_models`: what studies start from."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self) -> list[BaseModel]:
        """Base models, newest first."""
        return self._http.many(BaseModel, "/base-models")

    def register(self, source: str, *, revision: str | None = None, name: str | None = None) -> ModelCheck:
        """Have a folder where the workers are, or a hub id, checked; look at `check` until it is ready or refused."""
        body = {"source": source, "revision": revision, "name": name}
        return self._http.one(ModelCheck, "POST", "/base-models", body=body)

    def check(self, check: int) -> ModelCheck:
        return self._http.one(ModelCheck, "GET", f"/base-models/checks/{check}")

    def measure(self, model: int) -> ModelCheck:
        """Have a registered one measured again."""
        return self._http.one(ModelCheck, "POST", f"/base-models/{model}/check")

    def retry(self, check: int) -> ModelCheck:
        """Check a refused pipeline again, once its reason is mended."""
        return self._http.one(ModelCheck, "POST", f"/base-models/checks/{check}/retry")

    def forget(self, check: int) -> None:
        """Take a refused check off the list."""
        self._http.json("DELETE", f"/base-models/checks/{check}")
