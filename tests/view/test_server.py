"""The local server: what it answers, whom it refuses, and that it lives on."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import logging
import socket
import threading

import numpy as np
import pytest
from view_scenes import DATES, WINDOW, tiles, write_dates

from m3leo_sar.view import Explorer, serve

PAIR = f"{DATES[0]},{DATES[2]}"
TILE = tiles()[1].identifier


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    stack = write_dates(tmp_path_factory.mktemp("view") / "stack", labels=False)
    with serve(Explorer.open(stack, tiles=tiles(), window=WINDOW), open_browser=False, page=False) as running:
        yield running


def get(server, path, *, token=None, method="GET", body=None, **headers):
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        link.request(method, f"/{server.token if token is None else token}/{path}", body, headers)
        answer = link.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        link.close()


def test_a_chip_in_each_format(server):
    chip = server.explorer.chip(TILE, (0, 2)).values
    status, content, headers = get(server, f"chips/{TILE}.npy?pair={PAIR}")
    assert status == 200
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), chip)
    assert {"read", "kernel", "warp", "encode", "cache"} == {
        part.split(";")[0].strip() for part in headers["Server-Timing"].split(",")
    }
    assert get(server, f"chips/{TILE}.png?pair={PAIR}")[1][:4] == b"\x89PNG"
    assert get(server, f"chips/{TILE}.tif?pair={PAIR}&layer=phase&window=5x7")[2]["Content-Type"] == "image/tiff"


def test_tile_json(server):
    status, content, _ = get(server, f"tiles.json?pair={PAIR}&layer=phase")
    facts = json.loads(content)
    assert (status, facts["tilejson"]) == (200, "3.0.0")
    assert facts["tiles"][0].startswith(f"{server.url}tiles/{{z}}/{{x}}/{{y}}.png?pair=")
    assert "layer=phase" in facts["tiles"][0]


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        (f"chips/{TILE}.png", 400, "pair must be given"),
        (f"chips/{TILE}.png?pair=", 400, "pair must have 1 to 200 bytes, got 0"),
        (f"chips/{TILE}.png?pair={PAIR}&pair={PAIR}", 400, "pair must be given once, got 2 values"),
        (f"chips/{TILE}.png?pair={PAIR}&window=1000000x1000000", 400, "window must have 1x1 to 255x255"),
        (f"chips/{TILE}.png?pair={PAIR}&window=-3x5", 400, "window must read ROWSxCOLS"),
        (f"chips/{TILE}.png?pair={PAIR}&layer=%ff", 400, "layer must be UTF-8 text"),
        (f"chips/{TILE}.png?pair={PAIR}&layer=height", 404, "layer must be one of"),
        (f"chips/{TILE}.png?pair={PAIR}&size=3", 400, "a query may name pair, window"),
        (f"chips/{TILE}.jpg?pair={PAIR}", 404, "format must be one of png, tif, npy"),
        ("chips/..%2f..%2fetc%2fpasswd.png?pair=" + PAIR, 404, "there is no tile"),
        ("chips/../../etc/passwd?pair=" + PAIR, 404, "there is nothing at this address"),
        (f"chips/{TILE}.png?pair=2023-03-01,2023-03-02", 404, "date 2023-03-02 is not in the stack"),
        (f"tiles/99/0/0.png?pair={PAIR}", 400, "zoom must be 0 to 24, got 99"),
        (f"tiles/-1/0/0.png?pair={PAIR}", 400, "a tile must read ZOOM/COLUMN/ROW"),
        (f"tiles/3/8/0.png?pair={PAIR}", 400, "column and row of zoom 3 must be 0 to 7, got 8 and 0"),
        ("nothing", 404, "there is nothing at this address"),
    ],
)
def test_bad_requests_get_one_sentence(server, path, status, sentence):
    found, content, headers = get(server, path)
    assert (found, headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert content.decode().startswith(sentence)
    assert content.count(b"\n") == 1


def test_who_is_refused(server):
    path = f"chips/{TILE}.png?pair={PAIR}"
    assert get(server, path, token="0" * 32)[:2] == (
        404, b"there is nothing here; use the whole address that the server printed\n",
    )  # fmt: skip
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1"):
        assert get(server, path, Host=host)[0] == 403
    assert get(server, path, Host=f"localhost:{server.port}")[0] == 200
    assert get(server, path, Origin="http://evil.example")[0] == 403
    assert get(server, path, Origin=f"http://127.0.0.1:{server.port}")[0] == 200
    assert get(server, path, method="POST", body=b"x")[0] == 405


def test_headers_of_every_answer(server):
    for path in (f"chips/{TILE}.png?pair={PAIR}", "nothing", ""):
        headers = get(server, path)[2]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


def test_an_origin_that_is_allowed_may_read(server):
    explorer = server.explorer
    origin = "http://localhost:8888"
    with serve(explorer, open_browser=False, page=False, origins=[origin]) as other:
        headers = get(other, f"chips/{TILE}.png?pair={PAIR}", Origin=origin)[2]
        assert headers["Access-Control-Allow-Origin"] == origin
        assert get(other, "", Origin="http://evil.example")[0] == 403


def test_a_port_that_is_taken(server):
    with pytest.raises(OSError, match=f"port {server.port} is taken by another program; give another one"):
        serve(server.explorer, port=server.port, open_browser=False)
    with pytest.raises(ValueError, match="port must be 0 to 65535, got 70000"):
        serve(server.explorer, port=70000, open_browser=False)


def test_the_server_listens_on_this_machine_alone(server):
    address = next((found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)), None)
    if address is not None and not address.startswith("127."):
        with pytest.raises(OSError):
            socket.create_connection((address, server.port), timeout=2)


def test_a_server_ends(server):
    with serve(server.explorer, open_browser=False, page=False) as other:
        assert other.is_running
    assert not other.is_running
    with pytest.raises(OSError):
        get(other, "")


def test_requests_under_way_end_with_the_server_without_a_word(tmp_path, caplog):
    stack = write_dates(tmp_path / "stack", labels=False)
    explorer = Explorer.open(stack, tiles=tiles(), window=WINDOW)
    begun, free = threading.Event(), threading.Event()

    def slow(*_, **__):
        begun.set()
        free.wait(20)
        # As of a pool of readers that has ended meanwhile.
        raise RuntimeError("cannot schedule new futures after shutdown")

    explorer.chip = slow
    with serve(explorer, open_browser=False, page=False) as running:
        clients = [threading.Thread(target=_quietly, args=(running, f"chips/{TILE}.png?pair={PAIR}")) for _ in range(9)]
        for client in clients:
            client.start()
        assert begun.wait(20)
        threading.Timer(0.2, free.set).start()
    for client in clients:
        client.join(20)
        assert not client.is_alive()
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


def _quietly(server, path):
    with contextlib.suppress(OSError, http.client.HTTPException):
        get(server, path)
