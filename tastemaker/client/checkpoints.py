"""Checkpoints: listed, described, downloaded; and single samples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tastemaker.client.downloads import OnProgress, download
from tastemaker.client.errors import NotFound
from tastemaker.client.http import Http
from tastemaker.client.shapes import Checkpoint, CheckpointDetail, File, Format


class Checkpoints:
    """`client.checkpoints`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self, *, study: int | None = None, round: int | None = None, current: bool = False) -> Iterator[Checkpoint]:
        """Checkpoints, newest first: of a study, of a round, or those that their studies go on from."""
        return self._http.pages(Checkpoint, "/checkpoints", study=study, round=round, current=current)

    def get(self, checkpoint: int) -> CheckpointDetail:
        return self._http.one(CheckpointDetail, "GET", f"/checkpoints/{checkpoint}")

    def download(
        self, checkpoint: int, folder: Path | str = ".", *, format: Format = "diffusers",
        on_progress: OnProgress = lambda done, total: None,
    ) -> Path:  # fmt: skip
        """Load the LoRA into `folder`, under a name that tells study, number and format; returns where it is.

        A download that broke off goes on, one that is there already is kept, and what arrives is checked against its
        SHA-256. Raises `Damaged`, `NotFound` where there is no such file.
        """
        told = self.get(checkpoint)
        file = _of_format(told, format)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ending = file.name.rpartition(".")[2]
        return download(
            self._http, f"/checkpoints/{checkpoint}/download",
            folder / f"study-{told.study}-checkpoint-{told.number}-{format}.{ending}",
            size=file.size, sha256=file.sha256, params={"format": format}, on_progress=on_progress,
        )  # fmt: skip

    def folder(self, checkpoint: int, target: Path | str, *, format: Format = "diffusers") -> Path:
        """Write a zip of the LoRA with its model card, pictures and provenance, as the Hugging Face hub takes it."""
        target = Path(target)
        target.write_bytes(
            self._http.content(f"/api/v1/checkpoints/{checkpoint}/folder", params={"format": format}).content
        )
        return target

    def card(self, checkpoint: int) -> str:
        """The model card, in Markdown."""
        return self._http.content(f"/api/v1/checkpoints/{checkpoint}/card").text

    def provenance(self, checkpoint: int) -> dict[str, Any]:
        """Where it comes from, whole: choices, settings, seeds, versions, ancestors."""
        told: dict[str, Any] = self._http.json("GET", f"/checkpoints/{checkpoint}/provenance")
        return told


class Samples:
    """`client.samples`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def image(self, sample: int) -> bytes:
        """The lossless picture, a PNG."""
        return self._http.content(f"/api/v1/samples/{sample}/image").content

    def trajectory(self, sample: int) -> bytes:
        """x_T … x_0 with log-probabilities, as safetensors. Raises `Gone` where retention has removed it."""
        return self._http.content(f"/api/v1/samples/{sample}/trajectory").content


def _of_format(checkpoint: CheckpointDetail, format: Format) -> File:
    for file in checkpoint.files:
        if file.format == format:
            return file
    there = ", ".join(file.format for file in checkpoint.files)
    raise NotFound(404, {"detail": f"Checkpoint {checkpoint.id} has no file {format}; it has {there or 'none'}."})
