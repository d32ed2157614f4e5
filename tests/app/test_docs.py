import re
from pathlib import Path

from app.paths import ROOT
from scripts import settings_doc


def test_the_settings_page_is_what_the_model_says() -> None:
    assert settings_doc.PAGE.read_text() == settings_doc.page(), "run: python -m scripts.settings_doc"


def test_every_link_and_picture_in_the_docs_is_there() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("demo/*.md")]
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target
        and not target.startswith(("mailto:", "picture:"))
        and not Path(page.parent / target).exists()
    ]
    assert missing == []
