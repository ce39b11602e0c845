"""A web server of this process that serves ranges of files, and misbehaves as it is told."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    first: int | None
    stop: int | None
    headers: dict[str, str]


class Answer(NamedTuple):
    """An answer in place of the bytes of a file."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    #: Bytes that the header promises beyond the body.
    missing: int = 0
    #: Seconds of silence before the body.
    stall: float = 0.0


class RangeServer:
    """Serves the files of a folder below ``url``.

    Parameters
    ----------
    folder : Path
    latency : float
        Seconds before each answer.
    bandwidth : float, optional
        Bytes per second of all answers together.
    """

    def __init__(self, folder: Path, *, latency: float = 0.0, bandwidth: float | None = None) -> None:
        self.folder, self.latency, self.bandwidth = folder, latency, bandwidth
        self._free, self._line = 0.0, threading.Lock()
        self.asked: list[Asked] = []
        #: Answers to the next requests for a file, None for its bytes.
        self.next: deque[Answer | None] = deque()
        #: Answer to each request for which it gives one.
        self.instead: Callable[[Asked], Answer | None] = lambda asked: None
        self.has_ranges, self.has_etag, self.has_dates = True, True, True
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            do_POST = do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def bytes_asked(self) -> int:
        """Bytes of all ranges that were asked for."""
        return sum(asked.stop - asked.first for asked in self.asked if asked.first is not None and asked.stop)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: Any) -> None:
        asked = _asked(handler)
        self.asked.append(asked)
        length = int(handler.headers.get("Content-Length") or 0)
        if length:
            handler.rfile.read(length)
        time.sleep(self.latency)
        answer = self.next.popleft() if self.next else None
        answer = answer or self.instead(asked) or self._bytes(asked)
        headers = {"Content-Length": str(len(answer.body) + answer.missing), **answer.headers}
        try:
            handler.send_response(answer.status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            if answer.stall:
                handler.wfile.flush()
                time.sleep(answer.stall)
            if asked.method != "HEAD":
                self._send(handler, answer.body)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
        if answer.missing or answer.stall:
            handler.close_connection = True

    def _send(self, handler: Any, body: bytes) -> None:
        if self.bandwidth is None:
            handler.wfile.write(body)
            return
        for first in range(0, len(body), 1 << 15):
            part = body[first : first + (1 << 15)]
            with self._line:
                self._free = max(self._free, time.monotonic()) + len(part) / self.bandwidth
                wait = self._free - time.monotonic()
            time.sleep(max(0.0, wait))
            handler.wfile.write(part)

    def _bytes(self, asked: Asked) -> Answer:
        path = self.folder / unquote(urlsplit(asked.path).path).lstrip("/")
        if not path.is_file():
            return Answer(404)
        facts = path.stat()
        headers = {"ETag": f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'} if self.has_etag else {}
        if self.has_dates:
            headers["Last-Modified"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(facts.st_mtime))
        if not self.has_ranges or asked.first is None:
            return Answer(200, path.read_bytes(), headers)
        stop = min(asked.stop if asked.stop is not None else facts.st_size, facts.st_size)
        if asked.first >= facts.st_size:
            return Answer(416, b"", {"Content-Range": f"bytes */{facts.st_size}"})
        with path.open("rb") as stream:
            stream.seek(asked.first)
            body = stream.read(stop - asked.first)
        return Answer(206, body, headers | {"Content-Range": f"bytes {asked.first}-{stop - 1}/{facts.st_size}"})


def _asked(handler: Any) -> Asked:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    first = int(found[1]) if found else None
    stop = int(found[2]) + 1 if found and found[2] else None
    return Asked(handler.command, handler.path, first, stop, dict(handler.headers))


def main() -> None:
    """Serve a folder until the input ends: FOLDER LATENCY BANDWIDTH, as a process of its own."""
    with RangeServer(Path(sys.argv[1]), latency=float(sys.argv[2]), bandwidth=float(sys.argv[3])) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
