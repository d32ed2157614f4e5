import pytest

from app.artifacts import Artifacts
from app.errors import BadInput
from app.services import guide_pictures, guidelines
from tests import builders
from tests.files import png


@pytest.fixture
def study(db):
    return builders.study(db)


@pytest.fixture
def picture(db, study, tmp_path):
    return guide_pictures.add(db, Artifacts(str(tmp_path)), study=study, data=png(40, 30), actor=None)


def html(db, study, text):
    return guidelines.html(db, study_id=study.id, text=text, unnamed="Example picture")


def test_markdown_becomes_html_below_the_pages_own_headings(db, study):
    shown = html(db, study, "# Look\n\nat the **whole** picture\n\n- first\n- second\n\n### Then")
    assert "<h3>Look</h3>" in shown
    assert "<strong>whole</strong>" in shown
    assert "<li>second</li>" in shown
    assert "<h5>Then</h5>" in shown


def test_a_picture_of_the_study_is_shown_at_its_size_with_its_words(db, study, picture):
    shown = html(db, study, f"![a *sharp* one](picture:{picture.id})")
    source = f'src="/annotate/{study.id}/guide/{picture.id}"'
    assert f'<img {source} alt="a sharp one" width="40" height="30" loading="lazy">' in shown


def test_a_picture_without_words_is_named_by_its_place(db, study, picture):
    shown = html(db, study, f"![one](picture:{picture.id}) ![](picture:{picture.id})")
    assert 'alt="Example picture 2"' in shown


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.test/a.png", "/i/token", "picture:999999", "picture:", "picture:1e3",
        "/annotate/1/guide/../../admin",
    ],
)  # fmt: skip
def test_any_other_picture_is_told_by_its_words_alone(db, study, address):
    shown = html(db, study, f"![a cat]({address})")
    assert shown == "<p>a cat</p>\n"


def test_a_picture_of_another_study_is_not_shown(db, picture):
    assert "<img" not in html(db, builders.study(db), f"![x](picture:{picture.id})")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "[x](javascript:alert(1))",
        "[x](data:text/html,hi)", '<a href="/account" onclick="x()">x</a>', "<style>body{}</style>",
        "![x](picture:1\" onerror=\"alert(1))", "<iframe src=//x>",
    ],
)  # fmt: skip
def test_nothing_that_runs_gets_through(db, study, text):
    shown = html(db, study, text)
    assert not any(f"<{tag}" in shown for tag in ("script", "img", "style", "iframe", "a "))


def test_links_open_elsewhere_and_tell_nobody(db, study):
    shown = html(db, study, "[more](https://example.test/a)")
    assert '<a href="https://example.test/a" target="_blank" rel="noopener noreferrer">more</a>' in shown


def test_a_text_that_shows_an_unknown_picture_is_refused_by_its_field(db, study, picture):
    guidelines.check(db, study_id=study.id, field="labeling.guidelines", text=f"![x](picture:{picture.id})")
    with pytest.raises(BadInput) as caught:
        guidelines.check(db, study_id=study.id, field="labeling.guidelines", text="![x](picture:12345)")
    assert caught.value.fields == {"labeling.guidelines": "there is no picture picture:12345"}
