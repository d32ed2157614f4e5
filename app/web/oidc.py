"""OpenID Connect as a relying party: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).

The provider's description of itself is kept for an hour; its keys are asked for at each sign-in, so that new keys need
no restart and withdrawn ones end at once. Only asymmetric signatures are taken: with a symmetric one, whoever knows our
secret could sign. All of this waits for another server, so it is done before a request takes its turn and its
connection (`app.web.pages.outside`).
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.errors import NotSignedIn, Unavailable
from app.services.outside_identity import OutsideIdentity
from app.settings import Settings

log = structlog.get_logger(__name__)

SCOPE = "openid email profile"
SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
TIMEOUT_S = 5
KEPT_S = 3600  # a description of the provider
AWAY_S = 5  # a provider that did not answer is left alone for so long: those who wait for it need threads
LEEWAY_S = 60  # how far the provider's clock and ours may be apart


@dataclass(frozen=True)
class Flow:
    """What a sign-in that was begun waits for; the browser keeps it, sealed. `connect` is the user who connects an
    identity to their account, None where someone signs in."""

    state: str
    nonce: str
    verifier: str
    next: str
    connect: int | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Provider:
    """What the settings' provider says of itself, kept for a while. Threads may ask at once: each answer serves all."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock
        self._kept: tuple[float, dict[str, Any]] | None = None
        self._away_until = float("-inf")

    def metadata(self) -> dict[str, Any]:
        """Its own description. Raises `Unavailable` where it does not answer or names another issuer."""
        now = self._clock()
        if self._kept is not None and now < self._kept[0]:
            return self._kept[1]
        if now < self._away_until:
            raise _away(self.settings)
        try:
            metadata = _metadata(self.settings)
        except Unavailable:
            self._away_until = self._clock() + AWAY_S
            raise
        self._kept = self._clock() + KEPT_S, metadata
        return metadata


def begin(provider: Provider, *, next_: str, connect: int | None) -> tuple[str, Flow]:
    """Where to send the browser, and what to keep until it comes back. Raises `Unavailable` where the provider is."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    metadata = provider.metadata()
    with _client(provider.settings, metadata) as client:
        address, _ = client.create_authorization_url(
            metadata["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce
        )
    return address, Flow(state, nonce, verifier, next_, connect)


def finish(provider: Provider, flow: Flow, *, code: str, state: str, issuer: str | None) -> OutsideIdentity:
    """Who came back with `code`. Raises `NotSignedIn` where anything does not fit what was begun, `Unavailable` where
    the provider does not answer. `issuer` is the answer's own `iss`, where the provider sends it (RFC 9207)."""
    settings = provider.settings
    if not hmac.compare_digest(state.encode(), flow.state.encode()) or issuer not in {None, settings.oidc_issuer}:
        raise _refused(settings, "state or issuer differ")
    metadata = provider.metadata()
    try:
        with _client(settings, metadata) as client:
            token = client.fetch_token(
                metadata["token_endpoint"], code=code, code_verifier=flow.verifier, grant_type="authorization_code"
            )
            claims = _checked(settings, metadata, token, flow.nonce)
            if "email" not in claims and "userinfo_endpoint" in metadata:
                claims = _with_userinfo(client, metadata, claims)
    except httpx2.HTTPError as error:
        raise _away(settings) from error
    except (AuthlibBaseError, JoseError, KeyError, ValueError) as error:
        raise _refused(settings, repr(error)) from error
    return _identity(settings, claims)


def _checked(settings: Settings, metadata: dict[str, Any], token: dict[str, Any], nonce: str) -> dict[str, Any]:
    """The id token's claims, its signature, issuer, audience, times and nonce checked. Raises `JoseError`."""
    keys: Any = _get_json(metadata["jwks_uri"])
    decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=SIGNATURES)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={
            "iss": {"essential": True, "value": str(settings.oidc_issuer)},
            "aud": {"essential": True, "value": str(settings.oidc_client_id)},
            "nonce": {"essential": True, "value": nonce},
        },
        params={"nonce": nonce, "client_id": settings.oidc_client_id, "access_token": token.get("access_token")},
    )
    claims.validate(leeway=LEEWAY_S)
    return dict(claims)


def _with_userinfo(client: OAuth2Client, metadata: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    """The claims with those of the userinfo endpoint, which must be about the same subject."""
    said = client.get(metadata["userinfo_endpoint"]).raise_for_status().json()
    if said.get("sub") != claims["sub"]:
        raise ValueError("userinfo is about someone else")
    return {**said, **claims}


def _identity(settings: Settings, claims: dict[str, Any]) -> OutsideIdentity:
    email = claims.get("email") if claims.get("email_verified") in (True, "true") else None
    return OutsideIdentity(
        issuer=str(settings.oidc_issuer),
        subject=str(claims["sub"])[:255],
        email=str(email).strip()[:320] if email else None,
        name=str(claims.get("name") or "").strip() or None,
    )


def _metadata(settings: Settings) -> dict[str, Any]:
    """The provider's own description. Raises `Unavailable` where it does not answer or names another issuer."""
    issuer = str(settings.oidc_issuer)
    try:
        metadata = _get_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    except (httpx2.HTTPError, ValueError) as error:
        raise _away(settings) from error
    if metadata.get("issuer") != issuer:
        log.error("oidc_wrong_issuer", expected=issuer, said=metadata.get("issuer"))
        raise _away(settings)
    return metadata


def _client(settings: Settings, metadata: dict[str, Any]) -> OAuth2Client:
    secret = settings.oidc_client_secret
    return OAuth2Client(
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        token_endpoint_auth_method=_auth_method(metadata) if secret else "none",
        scope=SCOPE,
        redirect_uri=f"{settings.site_url}/outside/return",
        code_challenge_method="S256",
        timeout=TIMEOUT_S,
    )


def _auth_method(metadata: dict[str, Any]) -> str:
    """How we show our secret: in a header, unless the provider takes it in the form only."""
    methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"


def _get_json(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx2.get(url, timeout=TIMEOUT_S, follow_redirects=False).raise_for_status().json()
    return answer


def _refused(settings: Settings, why: str) -> NotSignedIn:
    log.warning("oidc_refused", why=why)
    return NotSignedIn(f"Signing in with {settings.oidc_label} did not work.", "Try again.")


def _away(settings: Settings) -> Unavailable:
    return Unavailable(f"{settings.oidc_label} does not answer.", "Try again in a moment, or sign in another way.")
