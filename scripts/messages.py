"""Collects what the site says into `locale/messages.pot`, and brings every language's catalogue up to it.

    python -m scripts.messages

Strings stand in templates and in `app`, marked for gettext; the words of settings and of errors stand in their models.
A message that is gone is dropped from the catalogues, a new one waits there without a translation: the site says it in
English until then. A new language is a folder `locale/CODE/LC_MESSAGES` with an empty `messages.po`.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from app import errors
from app.paths import LOCALE, ROOT
from app.services.troubles import TROUBLES
from app.study_settings import StudySettings
from app.web.languages import CATALOGUE
from app.web.settings_form import label

TEMPLATE = LOCALE / "messages.pot"
WIDTH = 118
# what a reader of the file needs, and nothing that changes from day to day
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: Tastemaker\\n"
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def main() -> None:
    """Write the template and update every catalogue."""
    found = collected()
    write(TEMPLATE, found)
    for path in LOCALE.glob(f"*/{CATALOGUE}"):
        write(path, updated(path, found))


def collected() -> Catalog:
    """All messages, by the file that they stand in."""
    catalog = Catalog()
    for message, file in sorted((*marked(), *of_models()), key=lambda pair: (pair[1], str(pair[0]))):
        catalog.add(message, locations=[(file, 0)])
    return catalog


def marked() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """What is marked for gettext, as `babel.cfg` says."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    for folder in ("app", "templates"):
        # the patterns name the folder, so they are matched against paths that begin with it
        named = [(pattern.removeprefix(f"{folder}/"), method) for pattern, method in methods if folder in pattern]
        chosen = {pattern.removeprefix(f"{folder}/"): values for pattern, values in options.items()}
        for path, _, message, _, _ in extract_from_dir(ROOT / folder, named, chosen):
            yield message, f"{folder}/{path}"


def of_models() -> Iterator[tuple[str, str]]:
    """The labels, sentences and units of the settings, the words of warnings, and the titles of errors: they are
    translated as values."""
    for block in StudySettings.model_fields.values():
        for name, field in block.annotation.model_fields.items():  # type: ignore[union-attr]
            unit = (field.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
            for text in (label(name), field.description, unit):
                if text:
                    yield text, "app/study_settings.py"
    for trouble in TROUBLES:
        for text in (trouble.title, trouble.says, trouble.helps):
            yield text, "app/services/troubles.py"
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.TastemakerError):
            yield kind.title, "app/errors.py"


def updated(path: Path, found: Catalog) -> Catalog:
    """The catalogue at `path` with exactly the messages of `found`."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parents[1].name)
    catalog.update(found, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def write(path: Path, catalog: Catalog) -> None:
    """Without line numbers and dates, so that a file changes only where a message does."""
    header = HEADER.format(language=catalog.locale or "", plurals=catalog.plural_forms)
    with path.open("wb") as file:
        file.write(header.encode())
        write_po(file, catalog, width=WIDTH, omit_header=True, include_lineno=False, sort_by_file=True)


if __name__ == "__main__":
    main()
