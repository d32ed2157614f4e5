"""What people set for themselves: one typed model, kept on the user."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from sqlalchemy.orm import Session

from app.errors import BadInput
from app.models import User
from app.models.base import Json

Action = Literal["left", "right", "tie", "both_bad", "skip", "undo", "zoom", "flicker", "help"]
# a key as KeyboardEvent.key names it: "ArrowLeft", "a", "?"
Key = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Keys = Annotated[list[Key], Field(max_length=8)]


class UserPreferences(BaseModel):
    """A person's own settings; what is not set takes the site's way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str = Field(
        "", pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$", description="Code of a language; empty: the browser's."
    )
    keys: dict[Action, Keys] = Field({}, description="Keys of an action, in place of its usual ones.")
    breaks: bool = Field(True, description="Remind me to rest where the study does.")
    flicker_ms: int = Field(400, ge=150, le=2000, description="How long flicker shows each picture, in milliseconds.")

    @model_validator(mode="after")
    def _one_action_a_key(self) -> "UserPreferences":
        seen: dict[str, str] = {}
        for action, keys in self.keys.items():
            for key in keys:
                if seen.setdefault(key.lower(), action) != action:
                    raise ValueError(f"the key {key} would do both {seen[key.lower()]} and {action}")
        return self


def of(user: User) -> UserPreferences:
    """The preferences of `user`; what an older or newer version stored and this one does not know is left out."""
    known = {name: value for name, value in user.preferences.items() if name in UserPreferences.model_fields}
    try:
        return UserPreferences.model_validate(known)
    except ValidationError:
        return UserPreferences()


def change(session: Session, *, user: User, changes: Json) -> UserPreferences:
    """Put `changes` over the preferences of `user`. Raises `BadInput` that names what cannot be used, and why."""
    session.refresh(user, ["preferences"], with_for_update=True)  # two changes at once: none is lost
    try:
        wanted = UserPreferences.model_validate({**of(user).model_dump(), **changes})
    except ValidationError as error:
        fields = {".".join(str(part) for part in p["loc"]) or "preferences": p["msg"] for p in error.errors()}
        named = "; ".join(f"{name}: {problem}" for name, problem in fields.items())
        raise BadInput(f"These preferences cannot be used. {named}.", fields=fields) from error
    user.preferences = wanted.model_dump(exclude_defaults=True)
    session.flush()
    return wanted
