import re
import secrets
import stat
import traceback
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.paths import ROOT
from app.settings import (
    PREFIX,
    Settings,
    activate,
    get_settings,
    kept_secret,
    make_settings,
    read_settings,
    variable_names,
)


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without `.env` and an environment without ours."""
    monkeypatch.chdir(tmp_path)
    for name in variable_names():
        monkeypatch.delenv(name, raising=False)
    get_settings.cache_clear()


def test_the_environment_wins_over_the_file_and_an_option_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TASTEMAKER_PORT=8001\nTASTEMAKER_THREADS=2\nOTHER=1\n")
    monkeypatch.setenv("TASTEMAKER_PORT", "8002")
    assert (read_settings().port, read_settings().threads) == (8002, 2)
    assert read_settings(port=8003).port == 8003


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_DATABASE_URL", "")
    assert read_settings().database_url is None


@pytest.mark.parametrize("place", ["environment", "file"])
def test_an_unknown_name_is_an_error_that_names_it(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "file":
        Path(".env").write_text("TASTEMAKER_PROT=8001\n")
    else:
        monkeypatch.setenv("TASTEMAKER_PROT", "8001")
    with pytest.raises(ConfigurationError, match="Unknown setting: TASTEMAKER_PROT") as caught:
        get_settings()
    assert "TASTEMAKER_PORT" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", "80000", "TASTEMAKER_PORT: Input should be less than or equal to 65535"),
        ("database_url", "sqlite:///x.db", "TASTEMAKER_DATABASE_URL: .* must begin with postgresql://"),
        ("broker_url", "amqp://host", "TASTEMAKER_BROKER_URL: .* must begin with redis://"),
        ("device", "tpu", "TASTEMAKER_DEVICE: Input should be 'auto', 'cpu', 'cuda' or 'mps'"),
        ("secret_key", "short", "TASTEMAKER_SECRET_KEY: .* at least 32 items"),
        ("public_url", "taste.example", "TASTEMAKER_PUBLIC_URL: String should match pattern"),
        ("mail_from", "Tastemaker", "TASTEMAKER_MAIL_FROM: .* must be an e-mail address"),
        ("mail_from", "a@b.example\nBcc: c@d.example", "TASTEMAKER_MAIL_FROM: .* must be an e-mail address"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(ConfigurationError, match=message):
        get_settings()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_goes_through_psycopg_3(scheme: str) -> None:
    assert make_settings(database_url=f"{scheme}://u:p@h/d").database_url == "postgresql+psycopg://u:p@h/d"


def test_settings_made_for_a_test_see_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_PORT", "9000")
    assert make_settings().port == 8000


def test_another_process_reads_exactly_the_same_settings(tmp_path: Path) -> None:
    Path(".env").write_text("TASTEMAKER_PORT=9000\nTASTEMAKER_THREADS=3\n")
    settings = make_settings(
        data_dir=tmp_path, secret_key="k" * 32, local_admin=False, public_url="https://taste.example"
    )
    with activate(settings):
        assert get_settings().model_dump() == settings.model_dump()
    assert get_settings().port == 9000


def test_the_signing_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = make_settings(data_dir=tmp_path / "data")
    key = settings.secret()
    assert len(key) >= 32
    assert settings.secret() == key
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert make_settings(data_dir=tmp_path / "data", secret_key="k" * 32).secret() == "k" * 32


def test_of_two_that_make_the_key_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.key"
    monkeypatch.setattr("app.settings.secrets.token_urlsafe", lambda size: path.write_text("the other's") and "ours")
    assert kept_secret(path) == "the other's"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret.key"]


def test_a_secret_does_not_show_when_settings_are_printed() -> None:
    assert "k" * 32 not in repr(make_settings(secret_key="k" * 32))


def test_a_secret_that_cannot_be_used_shows_in_no_traceback() -> None:
    too_short = secrets.token_hex(4)
    with pytest.raises(ConfigurationError) as failed:
        make_settings(secret_key=too_short)
    shown = "".join(traceback.format_exception(failed.value))
    assert "TASTEMAKER_SECRET_KEY" in shown
    assert too_short not in shown


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000")],
)
def test_the_site_s_address_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert make_settings(host=host).site_url == url


def test_a_public_address_goes_into_links() -> None:
    assert make_settings(public_url="https://taste.example/").site_url == "https://taste.example"


@pytest.mark.parametrize(
    ("values", "reaches"),
    [
        ({}, True),
        ({"host": "0.0.0.0"}, False),
        ({"public_url": "https://taste.example"}, False),
        ({"local_admin": False}, False),
        ({"public_url": "https://taste.example", "webhook_private": True}, True),
        ({"webhook_private": False}, False),
    ],
)
def test_webhooks_reach_private_addresses_only_where_nobody_else_is_or_it_is_said(values: dict, reaches: bool) -> None:
    assert make_settings(**values).reaches_private is reaches


def test_e_mail_needs_a_server_and_a_sender_and_the_port_follows_the_encryption() -> None:
    assert not make_settings(smtp_host="smtp.example").has_mail
    ours = make_settings(smtp_host="smtp.example", mail_from="Tastemaker <us@taste.example>")
    assert (ours.has_mail, ours.mail_port) == (True, 587)
    assert (make_settings(smtp_tls="tls").mail_port, make_settings(smtp_port=2525).mail_port) == (465, 2525)


def test_every_setting_is_described_in_one_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert re.fullmatch(r"[A-Z][^\n]*[.]", field.description or ""), name


def test_the_example_file_lists_every_setting_with_its_description_and_default() -> None:
    example = (ROOT / ".env.example").read_text()
    for name, field in Settings.model_fields.items():
        default = (
            ""
            if field.default is None
            else str(field.default).lower()
            if isinstance(field.default, bool)
            else field.default
        )
        assert f"# {field.description}\n#{PREFIX}{name.upper()}={default}\n" in example
    assert re.findall(r"TASTEMAKER_[A-Z_]+(?==)", example) == variable_names()


def test_the_operator_s_page_lists_every_setting_with_its_description() -> None:
    page = (ROOT / "docs" / "operator.md").read_text()
    rows = dict(re.findall(r"^\| `(TASTEMAKER_[A-Z_]+)` \| ([^|]+) \|", page, re.MULTILINE))
    assert rows == {PREFIX + name.upper(): field.description for name, field in Settings.model_fields.items()}
