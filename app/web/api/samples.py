"""Samples: the lossless picture, and the trajectory it was drawn along."""

from fastapi import APIRouter, Request, Response

from app.errors import Gone, NotFound
from app.services import samples
from app.web.api.answers import files, problems
from app.web.api.scoped import MayRead
from app.web.deps import ArtifactsDep, SessionDep
from app.web.downloads import download

router = APIRouter(tags=["samples"])


@router.get(
    "/samples/{sample_id}/image",
    operation_id="get_sample_image",
    response_class=Response,
    responses=files("image/png", ranges=True),
    summary="The lossless picture (PNG)",
)
def image(request: Request, sample_id: int, session: SessionDep, artifacts: ArtifactsDep, user: MayRead) -> Response:
    """As the worker drew it. Ranges are served; the ETag is the file's SHA-256."""
    row = samples.get(session, sample_id)
    return download(
        request, artifacts, key=row.image_key, size=row.image_size, sha256=row.image_sha256, name=f"{sample_id}.png"
    )


@router.get(
    "/samples/{sample_id}/trajectory",
    operation_id="get_sample_trajectory",
    response_class=Response,
    responses=files("application/octet-stream", ranges=True) | problems(410),
    summary="x_T … x_0 with log-probabilities (safetensors)",
)
def trajectory(
    request: Request, sample_id: int, session: SessionDep, artifacts: ArtifactsDep, user: MayRead
) -> Response:
    """404 where none was kept (evaluation pictures have none), 410 where retention has removed it."""
    row = samples.get(session, sample_id)
    if row.trajectory_removed_at is not None:
        raise Gone(
            f"The trajectory of sample {sample_id} is no longer kept; its SHA-256 was {row.trajectory_sha256}.",
            "Its chunk can be drawn again to the bit on the same kind of machine.",
        )
    if row.trajectory_key is None or row.trajectory_sha256 is None or row.trajectory_size is None:
        raise NotFound(f"Sample {sample_id} was drawn without keeping a trajectory.")
    return download(
        request, artifacts, key=row.trajectory_key, size=row.trajectory_size, sha256=row.trajectory_sha256,
        name=f"{sample_id}-trajectory.safetensors",
    )  # fmt: skip
