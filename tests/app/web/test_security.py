"""What every answer carries, and what no template may hold under such a policy."""

import re

import pytest
from jinja2 import Environment

from app.paths import STATIC, TEMPLATES
from app.web.security import CONTENT_SECURITY_POLICY
from tests.app.web.conftest import Client

TEMPLATE_FILES = sorted(TEMPLATES.rglob("*.html"))
PAGE_FILES = [path for path in TEMPLATE_FILES if path.parent.name != "mail"]  # a letter carries its looks in itself
STYLE_FILES = sorted((STATIC / "css").rglob("*.css"))


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/", "/account", "/nothing-here", "/api/v1/nothing-here", "/healthz", "/i/nothing"])
def test_every_answer_carries_the_headers(bare_app, path):
    headers = Client(bare_app).get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_page_holds_inline_scripts_styles_or_foreign_addresses(path):
    text = markup(path.read_text())
    assert not re.search(r"<style|\sstyle\s*=|\son\w+\s*=|javascript:", text)
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_every_word_of_a_template_goes_through_gettext(path):
    text = re.sub(
        r"\{% trans.*?endtrans %\}|\{% block \w+_class %\}.*?endblock %\}", "", path.read_text(), flags=re.DOTALL
    )
    text = re.sub(r"<(code|kbd|pre|script|style)\b.*?</\1>", "", markup(text), flags=re.DOTALL)
    shown = re.sub(r"""<[^>]*>|[\w:-]+="[^"]*\"""", " ", text)
    assert re.findall(r"[A-Za-z]*[a-z]{2,}", shown) == []
    assert re.findall(r"""(?:aria-label|title|alt|placeholder)=["'][^"'<>]*[a-z]{2,}""", text) == []


def markup(template):
    """A template without its Jinja parts."""
    return "".join(value for _, kind, value in Environment().lex(template) if kind == "data")


@pytest.mark.parametrize("path", STYLE_FILES, ids=lambda path: path.name)
def test_styles_name_no_left_and_right(path):
    rules = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    physical = (
        r"(?:margin|padding|border)-(?:left|right|top|bottom)|(?:^|[\s;{])(?:left|right|top|bottom|width|height)\s*:"
    )
    assert re.findall(physical, rules) == []
    assert re.findall(r"(?:text-align|float)\s*:\s*(?:left|right)", rules) == []


@pytest.mark.parametrize("path", STYLE_FILES, ids=lambda path: path.name)
def test_styles_load_nothing(path):
    assert not re.search(r"@import|url\(", path.read_text())
