"""Guidelines and consent texts: an admin's Markdown as HTML that is safe to show.

Raw HTML is text here, pictures are only the study's own (`![what it shows](picture:7)`), and what comes out goes
through an allow-list once more, so that no fault of the parser or of this file lets anything else into a page.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import GuidePicture
from app.services import guide_pictures

PICTURE = "picture:"
NO_PICTURE = -1
TOP_HEADING = 3  # the page has its own h1 and h2
TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title", "target"}, "img": {"src", "alt", "width", "height", "loading"}, "ol": {"start"}}
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
DRAWN = RendererHTML()


def version(text: str) -> str:
    """Which text it is that someone read or agreed to: its SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def html(session: Session, *, study_id: int, text: str, unnamed: str) -> Markup:
    """The Markdown `text` as HTML. A picture without words gets `unnamed` and its place ("Example picture 2")."""
    known = {picture.id: picture for picture in guide_pictures.of_study(session, study_id)}
    tokens = MARKDOWN.parse(text)
    _lower_headings(tokens)
    for place, image in enumerate(_images(tokens), start=1):
        said = DRAWN.renderInlineAsText(image.children or [], MARKDOWN.options, {}).strip()
        _show(image, known, words=said or f"{unnamed} {place}")
    return Markup(  # noqa: S704 - cleaned by the allow-list
        nh3.clean(
            DRAWN.render(tokens, MARKDOWN.options, {}),
            tags=TAGS,
            attributes=ATTRIBUTES,
            attribute_filter=_only_own_pictures,
            url_schemes={"http", "https", "mailto"},
            set_tag_attribute_values={"a": {"target": "_blank"}},
            link_rel="noopener noreferrer",
        )
    )


def check(session: Session, *, study_id: int, field: str, text: str) -> None:
    """Raises `BadInput` that names `field` where `text` shows a picture that this study does not have."""
    known = {picture.id for picture in guide_pictures.of_study(session, study_id)}
    unknown = [address for image in _images(MARKDOWN.parse(text)) if _number(address := _address(image)) not in known]
    if unknown:
        raise BadInput(
            f"This study has no picture {', '.join(unknown)}.", "Upload it here, and write it as picture:ID.",
            fields={field: f"there is no picture {', '.join(unknown)}"},
        )  # fmt: skip


def shown(text: str) -> set[int]:
    """The ids of the pictures that `text` shows, whether the study has them or not."""
    return {_number(_address(image)) for image in _images(MARKDOWN.parse(text))} - {NO_PICTURE}


def _lower_headings(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + TOP_HEADING - 1, 6)}"


def _images(tokens: Sequence[Token]) -> list[Token]:
    inline = [child for token in tokens for child in token.children or ()]
    return [token for token in inline if token.type == "image"]


def _show(image: Token, known: Mapping[int, GuidePicture], *, words: str) -> None:
    """Point the image at the study's picture; one that is not the study's is told by its words alone."""
    picture = known.get(_number(_address(image)))
    if picture is None:
        image.type, image.tag, image.children, image.content = "text", "", None, words
        return
    image.attrs = {
        "src": guide_pictures.address(picture), "alt": "", "width": picture.width, "height": picture.height,
        "loading": "lazy",
    }  # fmt: skip
    image.children = [Token("text", "", 0, content=words)]  # the renderer makes the alternative text of it


def _address(image: Token) -> str:
    return str(image.attrs.get("src", ""))


def _number(address: str) -> int:
    """The number in `picture:7`; `NO_PICTURE` where it is anything else."""
    found = re.fullmatch(rf"{PICTURE}(\d{{1,18}})", address)
    return int(found.group(1)) if found else NO_PICTURE


def _only_own_pictures(tag: str, attribute: str, value: str) -> str | None:
    own = (tag, attribute) != ("img", "src") or re.fullmatch(guide_pictures.ADDRESS, value)
    return value if own else None
