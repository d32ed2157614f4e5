"""A small OpenID Connect provider on loopback: real addresses, real signatures, PKCE checked; whom it signs in, and how
it misbehaves, is set by the test."""

import hashlib
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "tastemaker", "a client secret"


class Provider:
    """`person` is who is at the provider's page; `wrong` overrides claims of the next id token, `key` signs it."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {
            "sub": "ada-1",
            "name": "Ada",
            "email": "ada@example.org",
            "email_verified": True,
        }
        self.in_userinfo: set[str] = set()
        self.wrong: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.keys = KeySet([RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})])
        self.key: Any = self.keys.keys[0]
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.issuer = ""

    def discovery(self) -> dict[str, Any]:
        paths = ("authorization", "authorize"), ("token", "token"), ("userinfo", "userinfo")
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in paths},
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes once the person has agreed."""
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["client_id"] == CLIENT_ID
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """An id token for a code that is used once, by the client that holds the secret and the verifier."""
        asked = self.codes.pop(form["code"], None)
        client = b64decode(authorization.removeprefix("Basic ")).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).decode().rstrip("=")
        right_client = client == f"{CLIENT_ID}:{urlencode({'': CLIENT_SECRET})[1:]}" or client.endswith(CLIENT_SECRET)
        if asked is None or challenge != asked["code_challenge"] or not right_client:
            return None
        access = secrets.token_urlsafe(16)
        self.tokens.add(access)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= {name: value for name, value in self.person.items() if name not in self.in_userinfo}
        claims = {name: value for name, value in {**claims, **self.wrong}.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "one"}
        signed = jwt.encode(header, claims, self.key, algorithms=[self.algorithm])
        return {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": signed}


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that answers inside the context."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            provider.requests.append((parts.path, query))
            if parts.path == "/.well-known/openid-configuration":
                self.answer(provider.discovery())
            elif parts.path == "/jwks":
                self.answer(provider.keys.as_dict(private=False))
            elif parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.end_headers()
            elif parts.path == "/userinfo":
                known = self.headers["Authorization"].removeprefix("Bearer ") in provider.tokens
                self.answer(provider.person if known else {}, 200 if known else 401)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            provider.requests.append((self.path, form))
            token = provider.token(form, self.headers.get("Authorization", ""))
            self.answer(token or {"error": "invalid_grant"}, 200 if token else 400)

        def answer(self, value: Any, status: int = 200) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def foreign_key() -> RSAKey:
    """A key that the provider does not publish, under the name of one that it does."""
    return RSAKey.generate_key(2048, parameters={"kid": "one"})


def shared_key() -> OctKey:
    return OctKey.import_key(CLIENT_SECRET.encode() * 4)
