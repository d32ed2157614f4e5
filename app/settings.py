"""The environment's settings: one typed object, and the only reader of the environment.

What a study's owner chooses is not here but in `app.study_settings`.
"""

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.errors import ConfigurationError
from app.loopback import is_loopback

PREFIX = "TASTEMAKER_"
ENV_FILE = ".env"


def _psycopg_url(url: str) -> str:
    """The same database through psycopg 3, whichever common spelling of PostgreSQL was given."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("must begin with postgresql://; PostgreSQL 15 or newer is the only database that is supported")
    return f"postgresql+psycopg://{rest}"


def _broker_url(url: str) -> str:
    if not re.match(r"(rediss?|redis\+socket|sentinel)://", url):
        raise ValueError("must begin with redis://, rediss:// or redis+socket://; Redis and Valkey are supported")
    return url


def _sender(text: str) -> str:
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or not text.isprintable():
        raise ValueError("must be an e-mail address, with a name before it or not: Tastemaker <tastemaker@example.org>")
    return text


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


class Settings(BaseSettings):
    """Everything that an operator can set, each as TASTEMAKER_<NAME> in the environment or in the file `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True,
        hide_input_in_errors=True,  # among what was entered are secrets
    )  # fmt: skip

    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("data"), validate_default=True, description="Folder that holds everything the product writes."
    )
    database_url: Annotated[str, AfterValidator(_psycopg_url)] | None = Field(
        None, description="PostgreSQL 15 or newer (postgresql://user:password@host/name); unset, `up` brings its own."
    )
    broker_url: Annotated[str, AfterValidator(_broker_url)] | None = Field(
        None, description="Redis or Valkey (redis://host:6379/0); unset, `up` brings its own."
    )
    artifacts_url: str | None = Field(
        None,
        description="Where stored files are kept: a folder or s3://bucket/prefix; unset, a folder in the data folder.",
    )
    host: str = Field("127.0.0.1", description="Address that the site listens on; the servers always stay on loopback.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the site listens on.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+(/.*)?$",
        description="Address under which people reach the site, for links; unset, the one it listens on.",
    )
    local_admin: bool = Field(
        True, description="Sign the person at this machine in as admin by itself, on loopback only."
    )
    first_admin: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Handle or e-mail of the first admin; the first start prints a sign-in link for it.",
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Key that signs cookies and picture links; unset, one is made and kept in the data folder.",
    )
    open_sign_up: bool = Field(False, description="Let anyone who opens the site make an annotator's account.")
    oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://[^/]+(/.*)?$",
        description="Issuer of an OpenID Connect provider (https://login.example.org); unset, there is none.",
    )
    oidc_client_id: str | None = Field(None, min_length=1, description="Our client id at that provider.")
    oidc_client_secret: SecretStr | None = Field(
        None, min_length=1, description="Our client secret at that provider; unset for a public client."
    )
    oidc_label: str = Field(
        "single sign-on", min_length=1, max_length=60, description="Name of that provider on the button."
    )
    oidc_domains: str = Field(
        "",
        pattern=r"^[\w.-]*(\s*,\s*[\w.-]+)*$",
        description="E-mail domains, comma-separated, whose people that provider may let in without an invite.",
    )
    webhook_private: bool | None = Field(
        None,
        description="Let webhooks reach private and loopback addresses; unset, only on one person's own machine.",
    )
    smtp_host: str | None = Field(
        None, min_length=1, description="SMTP server that sends e-mail (smtp.example.org); unset, no e-mail is sent."
    )
    smtp_port: int | None = Field(
        None, ge=1, le=65535, description="Port of that server; unset, 587 with starttls, 465 with tls, 25 with none."
    )
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to it is encrypted; `tls` is from the first byte on."
    )
    smtp_user: str | None = Field(None, min_length=1, description="Our name at that server; unset, nobody signs in.")
    smtp_password: SecretStr | None = Field(None, min_length=1, description="Our password at that server.")
    mail_from: Annotated[str, AfterValidator(_sender)] | None = Field(
        None, description="Sender of e-mail (Tastemaker <tastemaker@example.org>), needed to send any."
    )
    hub_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="Token that may write on the Hugging Face hub, for the site and its workers of the queue cpu; "
        "unset, no checkpoint is pushed.",
    )
    hub_endpoint: Annotated[str, AfterValidator(_without_slash)] = Field(
        "https://huggingface.co",
        pattern=r"^https?://[^/\s@]+(/\S*)?$",
        description="Address of the hub that checkpoints are pushed to.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where a worker computes; `auto` takes CUDA, then MPS, then the CPU."
    )
    threads: int = Field(0, ge=0, le=1024, description="CPU threads that a worker computes with; 0 leaves it to torch.")
    judge_weights: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None,
        description="Folder that holds a folder of weights for each judge that has some; without one, they come from "
        "the hub at first use.",
    )
    trackers: str = Field(
        "",
        pattern=r"^((wandb|trackio)(\s*,\s*(wandb|trackio))*)?$",
        description="Where a worker sends training metrics beside the database: wandb, trackio, or both with a comma; "
        "they must be installed there, and read their own variables (WANDB_API_KEY, WANDB_MODE, TRACKIO_DIR).",
    )
    tracker_project: str = Field(
        "tastemaker", min_length=1, max_length=100, pattern=r"^[\w.-]+$", description="The project's name there."
    )
    heartbeat_seconds: float = Field(10, gt=0, description="How often a worker says that its job is alive, in seconds.")
    job_lease_seconds: float = Field(
        45, gt=0, description="After how many seconds without a heartbeat a job is given to another worker."
    )
    pair_lease_seconds: float = Field(
        180, gt=0, description="How many seconds a pair stays reserved for the annotator who sees it."
    )
    sweep_seconds: float = Field(3, gt=0, description="How often the site makes the moves that are due, in seconds.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines written."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="How log lines are written: `console` for people, `json` for machines."
    )

    @property
    def artifacts(self) -> str:
        """The folder or address of the stored files."""
        return self.artifacts_url or str(self.data_dir / "artifacts")

    @property
    def site_url(self) -> str:
        """The address that links carry, without a slash at its end."""
        host = f"[{self.local_host}]" if ":" in self.local_host else self.local_host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def local_host(self) -> str:
        """The address at which this machine itself reaches the site."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound

    @property
    def has_oidc(self) -> bool:
        """Whether people may sign in through an OpenID Connect provider."""
        return self.oidc_issuer is not None and self.oidc_client_id is not None

    @property
    def has_hub(self) -> bool:
        """Whether checkpoints can be pushed to the Hugging Face hub."""
        return self.hub_token is not None

    @property
    def has_mail(self) -> bool:
        """Whether e-mail can be sent."""
        return self.smtp_host is not None and self.mail_from is not None

    @property
    def mail_port(self) -> int:
        """The SMTP server's port."""
        return self.smtp_port or {"starttls": 587, "tls": 465, "none": 25}[self.smtp_tls]

    @property
    def reaches_private(self) -> bool:
        """Whether webhooks may reach addresses that are no part of the internet: as set, else where the only admin is
        the person at this machine, who reaches them anyway."""
        if self.webhook_private is not None:
            return self.webhook_private
        return self.local_admin and self.public_url is None and is_loopback(self.host)

    def require_database_url(self) -> str:
        """The database's address; raises `ConfigurationError` where none is known."""
        return _required(self.database_url, "database", "DATABASE_URL")

    def require_broker_url(self) -> str:
        """The broker's address; raises like `require_database_url`."""
        return _required(self.broker_url, "broker", "BROKER_URL")

    def secret(self) -> str:
        """The signing key: the one that is set, else the data folder's own, made at the first call (mode 600)."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        return kept_secret(self.data_dir / "secret.key")

    def environment(self) -> dict[str, str]:
        """The environment under which another process reads exactly these settings."""
        values = self.model_dump(mode="json", exclude_none=True)
        secret_values = {name: value.get_secret_value() for name, value in self if isinstance(value, SecretStr)}
        return {PREFIX + name.upper(): str(value) for name, value in (values | secret_values).items()}

    def with_values(self, **values: Any) -> "Settings":
        """The same settings with these values instead; raises `ConfigurationError` like every reading of settings."""
        return _build(_ExplicitSettings, {**dict(self), **values})


class _ExplicitSettings(Settings):
    """Settings from the values given alone: no environment, no file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@lru_cache
def get_settings() -> Settings:
    """The process's settings, read once. Raises `ConfigurationError` naming what is wrong and what is allowed."""
    return read_settings()


def read_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`; `overrides` (a command's options) win over both."""
    _refuse_unknown([*os.environ, *dotenv_values(ENV_FILE)])
    return _build(Settings, overrides)


def make_settings(**values: Any) -> Settings:
    """Settings from `values` and the defaults alone, whatever the environment holds: for tests and `bench`."""
    return _build(_ExplicitSettings, values)


@contextmanager
def activate(settings: Settings) -> Iterator[None]:
    """Make `settings` the ones that this process and the processes it starts read, while the context lasts."""
    before = dict(os.environ)
    os.environ.update(settings.environment())
    get_settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


def variable_names() -> list[str]:
    """Every environment variable that is understood, in the order of the class."""
    return [PREFIX + name.upper() for name in Settings.model_fields]


def _refuse_unknown(names: Iterable[str]) -> None:
    known = set(variable_names())
    unknown = sorted({name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known})
    if unknown:
        raise ConfigurationError(
            f"Unknown setting{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}.",
            f"Correct or remove it; known are {', '.join(variable_names())}.",
        )


def _build(kind: type[Settings], values: dict[str, Any]) -> Settings:
    try:
        return kind(**values)
    except ValidationError as error:
        problems = "; ".join(f"{PREFIX}{str(p['loc'][0]).upper()}: {p['msg']}" for p in error.errors())
        raise ConfigurationError(
            f"The settings cannot be used. {problems}.", "docs/operator.md lists them all."
        ) from error


def _required(url: str | None, what: str, name: str) -> str:
    if url is None:
        raise ConfigurationError(
            f"No {what} is known.",
            f"Set {PREFIX}{name}, or start the product with `tastemaker up`, which brings its own.",
        )
    return url


def kept_secret(path: Path) -> str:
    """The secret in the file `path`, made there (mode 600) at the first call.

    Linking a finished file lets only one of two makers win.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
