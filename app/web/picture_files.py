"""`/i/{token}`: the pictures themselves."""

from fastapi import APIRouter, Response

from app.web.deps import ArtifactsDep, LinksDep

router = APIRouter(include_in_schema=False)


@router.get("/i/{token}")
def picture(token: str, links: LinksDep, artifacts: ArtifactsDep) -> Response:
    """One picture. No name, date or tag goes with it: when a file was written would tell which policy drew it."""
    shown = links.read(token)
    return Response(
        artifacts.get_bytes(shown.key),
        media_type="image/webp",
        headers={"Cache-Control": "private, max-age=7200, immutable"},
    )
