"""The catalogues are what the code says: nothing is missing, nothing is left over."""

import re

import pytest
from babel.messages.pofile import read_po

from app.paths import LOCALE
from app.web.languages import CATALOGUE
from scripts import messages

HINT = "run: make messages, and translate what is new"
LANGUAGES = sorted(path.parents[1].name for path in LOCALE.glob(f"*/{CATALOGUE}"))
# what annotators meet has a translation in every language; the rest may wait in English
ANNOTATORS = ("account", "annotate", "components", "errors", "home", "join", "sign_in")


def read(path, locale=None):
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def catalogue(language):
    return read(LOCALE / language / CATALOGUE, language)


def ids(catalog):
    return {message.id for message in catalog if message.id}


@pytest.fixture(scope="module")
def found():
    return messages.collected()


def test_the_template_holds_every_message_and_no_other(found):
    assert ids(read(messages.TEMPLATE)) == ids(found), HINT


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_every_message_and_no_other(language, found):
    assert ids(catalogue(language)) == ids(found), HINT
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_annotators_read_is_translated(language):
    folders = tuple(f"templates/{folder}/" for folder in ANNOTATORS)
    theirs = [m for m in catalogue(language) if any(file.startswith(folders) for file, _ in m.locations)]
    missing = [m.id for m in theirs if not (all(m.string) if m.pluralizable else m.string)]
    assert (missing, len(theirs) > 200) == ([], True), HINT


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_what_is_filled_in_and_what_is_marked_up(language):
    wrong = [
        (source, text)
        for message in catalogue(language)
        for source, text in zip(as_tuple(message.id), as_tuple(message.string), strict=False)
        if text and parts(text) != parts(as_tuple(message.id)[-1]) and parts(text) != parts(source)
    ]
    assert wrong == []


def as_tuple(text):
    return text if isinstance(text, tuple) else (text,)


def parts(text):
    """Placeholders of Python and of the scripts, tags, and what is typed as it stands."""
    return sorted(re.findall(r"%\(\w+\)[sd]|\{\w+\}|</?\w+>|TASTEMAKER_\w+|g_t|PROLIFIC_PID", text))


def test_messages_are_collected_from_templates_code_and_models(found):
    assert {"Begin", "Example picture", "Learning rate", "Please sign in"} <= ids(found)
    assert ("%(count)s day", "%(count)s days") in ids(found)


def test_a_new_catalogue_is_filled_and_keeps_its_translations(tmp_path, found):
    path = tmp_path / "fr" / CATALOGUE
    path.parent.mkdir(parents=True)
    path.write_text('msgid "Begin"\nmsgstr "Commencer"\n\nmsgid "Gone"\nmsgstr "Parti"\n')
    messages.write(path, messages.updated(path, found))
    catalog = read(path, "fr")
    assert ids(catalog) == ids(found)
    assert catalog["Begin"].string == "Commencer"
    before = path.read_bytes()
    messages.write(path, messages.updated(path, found))
    assert path.read_bytes() == before
