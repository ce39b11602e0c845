#!/usr/bin/env bash
# obstore 0.12.1 (Rust's object_store 0.14.2): a server that answers 429 or 503 with `Retry-After: 3` is asked again after
# tenths of a second. The header is ignored, for S3 and plain HTTP stores alike, and is not in the error either, so that a
# caller cannot wait by itself. A catalogue that limits rates may lock out a program that reads many windows: whoever has
# to keep to the header must send the requests through another client, for S3 at addresses that obstore signs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check obstore==0.12.1
cat >"$work/show.py" <<'PY'
import datetime
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
from obstore.store import HTTPStore, S3Store

ASKED = 3
CONTENT = b"pixels"
seen = []


class Busy(BaseHTTPRequestHandler):
    """Refuses the first requests with a time to wait, then serves."""

    refusals, status = 1, 503

    def do_GET(self):
        seen.append(time.monotonic())
        if len(seen) <= Busy.refusals:
            self.send_response(Busy.status)
            self.send_header("Retry-After", str(ASKED))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
plain = {"allow_http": True}
retry = {"max_retries": 2, "retry_timeout": datetime.timedelta(seconds=30)}
stores = {
    "http": HTTPStore(address, client_options=plain, retry_config=retry),
    "s3": S3Store("bucket", endpoint=address, region="none", skip_signature=True, client_options=plain, retry_config=retry),
}
print("obstore", obstore.__version__)
for name, store in stores.items():
    for Busy.status in (429, 503):
        seen.clear()
        assert bytes(obstore.get(store, "slc.h5").bytes()) == CONTENT
        waited = seen[1] - seen[0]
        print(f"{name}: {Busy.status} with Retry-After: {ASKED} s, asked again after {waited:.1f} s")
        assert waited < ASKED / 2, "the header is heeded now"
Busy.refusals = 99
for name, store in stores.items():
    seen.clear()
    try:
        obstore.get(store, "slc.h5")
    except Exception as error:
        text = f"{error} {error.__dict__}"
        print(f"{name}: after {len(seen)} requests: {type(error).__name__}, Retry-After in it: {'etry-after' in text.lower()}")
        assert "retry-after" not in text.lower(), "the error names the header now"
    else:
        raise AssertionError("no error after every request was refused")
PY
"$work/env/bin/python" "$work/show.py"
