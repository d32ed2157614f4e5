"""A study's settings as a form, drawn from the typed model's fields: bounds, unit and sentence stand there once.

A field left empty means "as in the preset" (or as before, where an older value is the base): its placeholder shows
that value. So only what differs is posted and stored, and choosing another preset changes everything not touched.
A `filled` form, for values in force, shows them in the fields themselves; there an empty field is an empty value.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from app.models.base import Json
from app.services.round_views import Difference
from app.study_settings import BLOCKS, Block, StudySettings

NOTHING = "none"
# what is looked at first; the rest of each block is folded away
COMMON = {
    "sampling": ("groups", "samples_per_group", "steps", "guidance", "eval_draws"),
    "labeling": ("choices_per_pair", "allow_tie", "allow_both_bad", "counted", "requires_account"),
    "training": ("learning_rate", "rank", "lora_alpha", "reference", "hold_out"),
    "watching": ("not_finite", "kl", "clamped", "accuracy", "collapse", "saturation", "drift", "alike"),
}
Kind = Literal["integer", "number", "choice", "text", "prose"]


@dataclass(frozen=True)
class SettingField:
    """One setting as a form field. `base` is the value in force where `value` is empty; none in a filled form.
    `is_fixed`: it is shown, and cannot be changed any more."""

    name: str
    label: str
    kind: Kind
    sentence: str
    unit: str
    bounds: str
    options: Sequence[str]
    may_be_none: bool
    base: str
    value: str
    error: str
    is_fixed: bool = False

    @property
    def touched(self) -> bool:
        """Whether it differs from a base that the form shows beside it."""
        return bool(self.base and self.value)


@dataclass(frozen=True)
class SettingBlock:
    """One block of settings; `open` where a field of it is filled or at fault."""

    name: str
    fields: Sequence[SettingField]

    @property
    def touched(self) -> int:
        return sum(bool(field.touched or field.error) for field in self.fields)

    @property
    def common(self) -> "SettingBlock":
        """The fields that are looked at first, in the order of `COMMON`."""
        order = [f"{self.name}.{key}" for key in COMMON[self.name]]
        chosen = sorted((field for field in self.fields if field.name in order), key=lambda one: order.index(one.name))
        return SettingBlock(self.name, chosen)

    @property
    def further(self) -> "SettingBlock":
        """All others."""
        common = {f"{self.name}.{key}" for key in COMMON[self.name]}
        return SettingBlock(self.name, [field for field in self.fields if field.name not in common])


def blocks(
    base: StudySettings, *, only: Sequence[str] = BLOCKS, posted: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None, filled: bool = False, fixed: Collection[str] = (),
    without: Collection[str] = (),
) -> list[SettingBlock]:  # fmt: skip
    """The form's blocks over the settings `base`, with what was posted and what is wrong with it; `fixed` names
    fields that cannot be changed, `without` those that are not shown."""
    given, faults = posted or {}, errors or {}
    found = [SettingBlock(name, _fields(name, getattr(base, name), given, faults, filled)) for name in only]
    return [
        SettingBlock(
            block.name,
            [replace(field, is_fixed=field.name in fixed) for field in block.fields if field.name not in without],
        )
        for block in found
    ]


def changes(
    posted: Mapping[str, Any], base: StudySettings, *, only: Sequence[str] = BLOCKS, filled: bool = False
) -> Json:
    """What the form asks for that differs from `base`, by block and field; empty blocks are left out.

    Values are still text where the model reads text: `app.study_settings.merged` checks and converts them.
    """
    found: Json = {}
    for name in only:
        block: Block = getattr(base, name)
        for key, info in type(block).model_fields.items():
            before = as_text(getattr(block, key))
            text = _text(posted.get(f"{name}.{key}", before if filled else ""))
            if (text or filled) and text != before:
                found.setdefault(name, {})[key] = _read(text, info)
    return found


def as_text(value: Any) -> str:
    """A setting's value as it stands in a field, and as it can be typed in again."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(value) if isinstance(value, list) else str(value)


def told(differs: Sequence[Difference]) -> list[tuple[str, str, str]]:
    """Settings that differ: what each is called, its value in the study and in the round."""
    return [(label(one.name.partition(".")[2]), as_text(one.study), as_text(one.round)) for one in differs]


def label(key: str) -> str:
    """A field's name as words: `learning_rate` is "Learning rate"."""
    words = key.replace("_", " ").capitalize()
    return re.sub(r"\bkl\b", "KL", words, flags=re.IGNORECASE)


def _text(posted: Any) -> str:
    """What was typed: browsers end the lines of a text area with CRLF."""
    return str(posted).replace("\r\n", "\n").strip()


def _fields(
    block: str, base: Block, posted: Mapping[str, Any], errors: Mapping[str, str], filled: bool
) -> list[SettingField]:
    fields = []
    for key, info in type(base).model_fields.items():
        name, text = f"{block}.{key}", as_text(getattr(base, key))
        value = str(posted.get(name, text if filled else ""))
        fields.append(_field(name, info, "" if filled else text, value, errors.get(name, "")))
    return fields


def _field(name: str, info: FieldInfo, base: str, value: str, error: str) -> SettingField:
    kind, options = _kind(info)
    extra = info.json_schema_extra
    return SettingField(
        name=name,
        label=label(name.partition(".")[2]),
        kind=kind,
        sentence=info.description or "",
        unit=str(extra.get("unit", "")) if isinstance(extra, dict) else "",
        bounds=_bounds(info),
        options=options,
        may_be_none=_may_be_none(info),
        base=base,
        value=value,
        error=error,
    )


def _kind(info: FieldInfo) -> tuple[Kind, Sequence[str]]:
    inner = next((part for part in get_args(info.annotation) if part is not NoneType), info.annotation)
    if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("long"):
        return "prose", ()
    if get_origin(info.annotation) is Literal:
        return "choice", get_args(info.annotation)
    if info.annotation is bool:
        return "choice", ("yes", "no")
    if info.annotation is int or (_may_be_none(info) and inner is int):
        return "integer", ()
    return ("number" if info.annotation is float or _may_be_none(info) else "text"), ()


def _may_be_none(info: FieldInfo) -> bool:
    return NoneType in get_args(info.annotation)


def _read(text: str, info: FieldInfo) -> Any:
    """The text as the model's validation takes it."""
    if text.lower() == NOTHING and _may_be_none(info):
        return None
    if get_origin(info.annotation) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _bounds(info: FieldInfo) -> str:
    """The field's bounds as an interval: `0 < … ≤ 1`."""
    found = {
        key: getattr(rule, key) for rule in info.metadata for key in ("gt", "ge", "lt", "le") if hasattr(rule, key)
    }
    lower = f"{found['gt']:g} < " if "gt" in found else f"{found['ge']:g} ≤ " if "ge" in found else ""
    upper = f" < {found['lt']:g}" if "lt" in found else f" ≤ {found['le']:g}" if "le" in found else ""
    return f"{lower}…{upper}" if lower or upper else ""
