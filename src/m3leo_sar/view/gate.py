"""Who may ask the local server: programs of this machine that hold its token, under its own names."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Any

import tornado.web
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher

#: Headers of every answer. The token must not leave with a link, and no other site may show the page in a frame but a
#: notebook of this machine.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-site",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
    ),
}


class Gate:
    """What a request must have.

    Parameters
    ----------
    token : str
        First part of every address.
    port : int
    origins : collection of str
        Origins of other pages that may ask too, such as ``"http://localhost:8888"`` of a notebook.
    """

    def __init__(self, token: str, port: int, origins: Collection[str] = ()) -> None:
        self.token = token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts} | set(origins)
        self.allowed = frozenset(origins)

    def refusal(self, request: HTTPServerRequest) -> tuple[int, str] | None:
        """Status and sentence for a request that may not pass; None for one that may."""
        # A page of another site may have its own name resolve to this machine (DNS rebinding).
        if request.headers.get_list("Host") not in [[host] for host in self.hosts]:
            return 403, "the host must be 127.0.0.1 or localhost with the port of this server"
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self.origins:
            return 403, f"origin {origin[:60]!r} may not ask; --allow-origin allows one"
        if not self._has_token(request.path):
            return 404, "there is nothing here; use the whole address that the server printed"
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            return 405, f"method must be GET, got {str(request.method)[:20]!r}"
        return None

    def _has_token(self, path: str) -> bool:
        given = path.split("/", 2)[1] if path.startswith("/") else ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


class Refused(Matcher):
    """Matches the requests that a gate refuses.

    Parameters
    ----------
    gate : Gate
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """An empty match of a refused request, None of others."""
        return None if self.gate.refusal(request) is None else {}


class Refusal(tornado.web.RequestHandler):
    """The answer to a refused request: its reason in one sentence."""

    def initialize(self, gate: Gate) -> None:
        """Keep the gate."""
        self.gate = gate

    def prepare(self) -> None:
        """Answer."""
        status, sentence = self.gate.refusal(self.request) or (404, "there is nothing here")
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{sentence}\n")


def guarded_headers(gate: Gate) -> type[tornado.web.OutputTransform]:
    """A transform that gives every answer of an application the headers of a gate."""

    class Headers(tornado.web.OutputTransform):
        def __init__(self, request: HTTPServerRequest) -> None:
            self.origin = request.headers.get("Origin")

        def transform_first_chunk(
            self, status_code: int, headers: Any, chunk: bytes, finishing: bool
        ) -> tuple[int, Any, bytes]:
            for name, value in HEADERS.items():
                headers[name] = value
            if gate.allowed:
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                headers["Vary"] = "Origin"
            if self.origin in gate.allowed:
                headers["Access-Control-Allow-Origin"] = self.origin
                headers["Access-Control-Expose-Headers"] = "Server-Timing"
            return status_code, headers, chunk

    return Headers
