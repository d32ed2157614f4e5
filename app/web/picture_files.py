"""`/i/{token}`: the pictures themselves."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.web.deps import ArtifactsDep
from app.web.pictures import PictureLinks

router = APIRouter(include_in_schema=False)


def get_links(request: Request) -> PictureLinks:
    links: PictureLinks = request.app.state.picture_links
    return links


LinksDep = Annotated[PictureLinks, Depends(get_links)]


@router.get("/i/{token}")
def picture(token: str, links: LinksDep, artifacts: ArtifactsDep) -> Response:
    """One picture. No name, date or tag goes with it: when a file was written would tell which policy drew it."""
    shown = links.read(token)
    return Response(
        artifacts.get_bytes(shown.key),
        media_type="image/webp",
        headers={"Cache-Control": "private, max-age=7200, immutable"},
    )
