"""Headers that every answer carries. The policy allows what comes from the site itself and nothing inline."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # not no-referrer: browsers would then send `Origin: null` with our own forms, and the CSRF check reads it
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

# pages whose address or content is a secret of one person: no cache keeps them, the browser's own neither
NEVER_STORED = (
    "/sign-in",
    "/sign-up",
    "/join",
    "/back",
    "/reset",
    "/outside",
    "/account",
    "/admin/users",
    "/admin/invites",
    "/admin/payments",
    "/admin/webhooks",
    "/api/v1/me",
    "/api/v1/sign-in",
    "/api/v1/invites",
    "/api/v1/users",
    "/api/v1/payments",
    "/api/v1/webhooks",
)


class SecurityHeaders:
    """Adds the headers above; what no route gave a rule of its own is kept by no cache without asking again."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                secret = scope["path"].startswith(NEVER_STORED)
                headers.setdefault("Cache-Control", "no-store" if secret else "private, no-cache")
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
