import pytest
from babel import Locale

from app.db import transaction
from app.web import languages, words
from app.web.languages import accepted, available, chosen, speaking, translations

CATALOGUE = """
msgid ""
msgstr ""
"Plural-Forms: nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);\\n"

msgid "My studies"
msgstr "دراساتي"

msgid "%(count)s day"
msgid_plural "%(count)s days"
msgstr[0] "zero"
msgstr[1] "one"
msgstr[2] "two"
msgstr[3] "few"
msgstr[4] "many"
msgstr[5] "other"
"""


@pytest.fixture
def arabic(tmp_path):
    """A folder of catalogues with a language that is written from right to left and has six plural forms."""
    path = tmp_path / "ar" / languages.CATALOGUE
    path.parent.mkdir(parents=True)
    path.write_text(CATALOGUE)
    return tmp_path


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("de", ["de"]),
        ("en;q=0.5, de-AT, fr;q=0.8", ["de-AT", "fr", "en"]),
        ("de;q=0", []),
        ("*, de", ["de"]),
        ("", []),
        ("de;q=much, en", ["en"]),
        ("../../etc;q=1,<script>,de_DE_x_y_z, en", ["en"]),
    ],
)
def test_the_browsers_languages_are_read_by_their_weight_and_nonsense_is_passed_over(header, tags):
    assert accepted(header) == tags


@pytest.mark.parametrize(
    ("wanted", "code"),
    [(["de"], "de"), (["de-AT"], "de"), (["fr", "de"], "de"), (["fr"], "en"), ([], "en"), (["en-GB", "de"], "en")],
)
def test_the_first_wanted_language_that_there_is_is_chosen(wanted, code):
    assert str(chosen(wanted)) == code


def test_plural_forms_are_the_languages_own(arabic):
    said = [translations("ar", arabic).ngettext("%(count)s day", "%(count)s days", n) for n in (0, 1, 2, 3, 11, 100)]
    assert said == ["zero", "one", "two", "few", "many", "other"]


def test_a_message_without_a_translation_is_said_in_english(arabic):
    words = translations("ar", arabic)
    assert (words.gettext("My studies"), words.gettext("Begin")) == ("دراساتي", "Begin")
    assert str(chosen(["ar-EG"], arabic)) == "ar"
    assert available(arabic)["ar"].text_direction == "rtl"


def test_figures_are_written_as_the_language_writes_them():
    assert (words.number(0.25), words.percent(0.256), words.count(12345)) == ("0.25", "26%", "12,345")
    with speaking(Locale("de")):
        assert (words.number(0.25), words.percent(0.256), words.count(12345)) == ("0,25", "26\xa0%", "12.345")
        assert (words.duration(183_600), words.file_size(34_210)) == ("2 T 3 h", "34,2 kB")
    assert words.duration(183_600) == "2 d 3 h"


def test_a_page_is_in_the_browsers_language(annotator):
    page = annotator.get("/", headers={"Accept-Language": "de-CH, en;q=0.5"}).text
    assert '<html lang="de" dir="ltr">' in page
    assert "Meine Studien" in page
    assert '<html lang="en" dir="ltr">' in annotator.get("/").text


def test_what_the_user_prefers_goes_before_the_browser(annotator, factory):
    with transaction(factory) as session:
        session.get_one(type(annotator.user), annotator.user.id).preferences = {"language": "de"}
    assert "Meine Studien" in annotator.get("/", headers={"Accept-Language": "en"}).text


def test_an_error_is_in_the_readers_language_as_far_as_it_is_translated(annotator):
    page = annotator.get("/annotate/404", headers={"Accept-Language": "de"})
    assert page.status_code == 404
    assert "<h1>Nicht gefunden</h1>" in page.text


def test_a_language_from_right_to_left_turns_the_page(annotator, arabic, monkeypatch):
    monkeypatch.setattr(languages, "available", lambda *_: available(arabic))
    monkeypatch.setattr(languages, "chosen", lambda wanted: chosen(wanted, arabic))
    monkeypatch.setattr(languages, "translations", lambda code: translations(code, arabic))
    page = annotator.get("/", headers={"Accept-Language": "ar"}).text
    assert '<html lang="ar" dir="rtl">' in page
    assert "دراساتي" in page
