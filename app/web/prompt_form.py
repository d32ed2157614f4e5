"""A list of prompts as forms post it: pasted or as a file, with what is to be done with it."""

from collections.abc import Mapping

from starlette.datastructures import FormData, UploadFile

from app.errors import BadInput
from app.services import prompt_texts
from app.services.prompt_drafts import Draft, Splitting
from app.services.prompt_texts import Form

MOST_BYTES = 4 << 20
HELD_PERCENT = "20"


def with_file(posted: Mapping[str, str], form: FormData) -> dict[str, str]:
    """What was posted, with the chosen file's text and form in place of what was pasted, so that the form shows them.

    Raises `BadInput` for a file that is too large or no UTF-8 text.
    """
    upload = form.get("prompt_file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return dict(posted)
    content = upload.file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadInput(
            f"{upload.filename} is larger than 4 MB.", "A prompt file holds one prompt a line.",
            fields={"prompts": f"{upload.filename} is larger than 4 MB"},
        )  # fmt: skip
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{upload.filename} is no UTF-8 text.", "Save it as UTF-8, one prompt a line.",
            fields={"prompts": f"{upload.filename} is no UTF-8 text; save it as UTF-8, one prompt a line"},
        ) from error  # fmt: skip
    return {**posted, "prompts": text, "form": prompt_texts.form_of(upload.filename).value}


def draft(posted: Mapping[str, str]) -> Draft:
    """The list as a draft. Raises `BadInput` that names a field which no browser would have sent, or a bad share."""
    return Draft(
        text=posted.get("prompts", ""),
        form=_word(Form, posted.get("form") or Form.LINES, "form"),
        splitting=_word(Splitting, posted.get("splitting") or Splitting.LINES, "splitting"),
        held=_share(posted.get("held") or HELD_PERCENT),
        keep_repeats="keep_repeats" in posted,
    )


def _word(words: type, word: str, field: str):  # type: ignore[no-untyped-def]  # a member of the enum
    try:
        return words(word)
    except ValueError as error:
        raise BadInput(f"{word!r} cannot be chosen.", fields={field: "choose one of those offered"}) from error


def _share(percent: str) -> float:
    try:
        return float(percent) / 100
    except ValueError as error:
        raise BadInput(f"{percent!r} is no number.", fields={"held": "a number of percent"}) from error
