import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.paths import ROOT
from app.services import export_pick_a_pic, export_rapidata, posting
from app.services.export_formats import FORMATS
from app.services.export_tables import CHOICES, PREFERENCES
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


def test_the_example_that_checks_a_webhook_s_signature_does_so() -> None:
    page = (ROOT / "docs/admin.md").read_text()
    known: dict[str, Any] = {}
    exec(re.search(r"```python\n(import base64.*?)```", page, re.DOTALL).group(1), known)  # type: ignore[union-attr]
    secrets = ["whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]
    headers, body = posting.signed("msg_1", '{"type": "x"}', secrets), b'{"type": "x"}'
    for secret in secrets:
        known["verify"](secret, headers, body)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    late = posting.signed("msg_1", '{"type": "x"}', secrets, at=datetime.now(UTC) - timedelta(minutes=6))
    for secret, given, said in ((other, headers, body), (secrets[0], headers, body + b" "), (secrets[0], late, body)):
        with pytest.raises(ValueError, match=r"not signed|too old"):
            known["verify"](secret, given, said)


def test_the_columns_of_every_export_are_documented() -> None:
    page = (ROOT / "docs/exports.md").read_text()
    tables = (PREFERENCES.columns, CHOICES.columns, export_pick_a_pic.COLUMNS, export_rapidata.COLUMNS)
    columns = {name for columns in tables for name in columns}
    assert {name for name in columns | FORMATS.keys() if f"`{name}`" not in page} == set()
