"""Writes docs/settings.md from the typed model of a study's settings; a test compares the two."""

from typing import Any

from app.paths import ROOT
from app.study_settings import StudySettings, load_preset, preset_names

PAGE = ROOT / "docs/settings.md"
HEAD = """# A study's settings

Every setting of a study, with its default, its bounds and what it does. Sampling is frozen at a round's launch,
labeling and watching may change at any time, training is frozen with the training run. In files and over the API the
blocks are objects: `{"training": {"learning_rate": 1e-4}}`. Written by `python -m scripts.settings_doc`.

An empty default means: none.
"""
COLUMNS = "| setting | default | allowed | what it does |\n| --- | --- | --- | --- |"
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for name, field in StudySettings.model_fields.items():
        block: Any = field.annotation
        parts.append(f"\n## {name}\n\n{block.__doc__}\n\n{COLUMNS}")
        parts += [_row(key, setting) for key, setting in block.model_fields.items()]
    parts.append("\n## Presets\n\nA preset names only what differs from the defaults.\n")
    parts += [_preset(name) for name in preset_names()]
    return "\n".join(parts).rstrip() + "\n"


def _row(name: str, field: Any) -> str:
    bounds = [
        f"{sign} {getattr(rule, key):g}"
        for rule in field.metadata
        for key, sign in BOUNDS.items()
        if hasattr(rule, key)
    ]
    choices = [str(choice) for choice in getattr(field.annotation, "__args__", ()) if isinstance(choice, str)]
    unit = (field.json_schema_extra or {}).get("unit", "")
    default = "" if field.default is None else f"`{field.default}`"
    allowed = " ".join(part for part in (", ".join(bounds), ", ".join(choices), unit) if part)
    return f"| `{name}` | {default} | {allowed} | {field.description} |"


def _preset(name: str) -> str:
    defaults, preset = StudySettings().model_dump(), load_preset(name)[0].model_dump()
    differing = [
        f"`{block}.{field}` = {'none' if value is None else f'`{value}`'}"
        for block, fields in preset.items()
        for field, value in fields.items()
        if defaults[block][field] != value
    ]
    return f"- **{name}**: {', '.join(differing)}"


if __name__ == "__main__":
    PAGE.write_text(page())
