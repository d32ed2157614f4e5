"""The evaluation pictures round by round: prompts down, rounds across, all at the same noise."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import Sampler
from app.services import evaluation_views
from app.services.evaluation_views import Policy

CELL, GAP, LABEL, HEADER = 96, 4, 150, 24
INK, PAPER = (40, 40, 40), (255, 255, 255)


def write_grid(session: Session, artifacts: Artifacts, study_id: int, policies: Sequence[Policy], path: Path) -> None:
    """Write the grid of the first draw of every evaluation prompt, as the study draws, as a PNG."""
    rows = evaluation_views.rows(session, study_id, policies, sampler=Sampler.STUDY, draw=0)
    size = (LABEL + len(policies) * (CELL + GAP), HEADER + len(rows) * (CELL + GAP))
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for column, policy in enumerate(policies):
        pen.text((LABEL + column * (CELL + GAP), 4), str(policy.number or "base"), fill=INK, font=font)
    for place, row in enumerate(rows):
        top = HEADER + place * (CELL + GAP)
        pen.text((4, top + CELL // 2 - 8), _short(row.prompt), fill=INK, font=font)
        for column, picture in enumerate(row.pictures):
            if picture is not None:
                sheet.paste(_cell(artifacts, picture.key), (LABEL + column * (CELL + GAP), top))
    sheet.save(path)


def _cell(artifacts: Artifacts, key: str) -> Image.Image:
    with Image.open(BytesIO(artifacts.get_bytes(key))) as image:
        return image.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)


def _short(prompt: str, most: int = 21) -> str:
    return prompt if len(prompt) <= most else f"{prompt[: most - 1]}…"
