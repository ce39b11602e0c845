"""Requests to a server that misbehaves: the right bytes, or one sentence that names the file and no secret."""

from __future__ import annotations

import email.utils
import os
import threading
import time

import pytest
from range_server import Answer, RangeServer
from remote_setting import quick_transfers

from m3leo_sar.io.remote.http_source import Version, _seconds
from m3leo_sar.io.remote.open_remote import open_remote
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.remote.remote_text import read_remote_text
from m3leo_sar.io.stacks.stack_files import stack_files

pytest.importorskip("aiohttp")
BYTES = os.urandom(700_001)
TOO_MANY = Answer(429, headers={"Retry-After": "0"})
BUSY = Answer(503)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "a.bin").write_bytes(BYTES)
    (folder / "small.bin").write_bytes(BYTES[:99])
    (folder / "empty.bin").write_bytes(b"")
    with RangeServer(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def setting(server):
    with quick_transfers():
        yield
    server.asked.clear()
    server.next.clear()
    server.has_ranges = server.has_etag = server.has_dates = True
    server.instead = lambda asked: None


def opened(server, name="a.bin"):
    address = server.url.replace("//", "//anna:geheim@") + f"/{name}?token=geheim"
    return open_remote([RemoteFile(address)])[0]


def cut(body, total):
    headers = {"Content-Range": f"bytes 400000-499999/{total}"}
    return Answer(206, body, headers, missing=100_000 - len(body))


def test_bytes_are_those_of_the_file(server):
    file = opened(server)
    assert file.version.size == len(BYTES)
    assert file.read(5, 300_000) == BYTES[5:300_000]
    assert file.read(600_000, 9_000_000) == BYTES[600_000:]
    assert file.read(len(BYTES), len(BYTES) + 5) == b""
    assert opened(server, "small.bin").read(0, 99) == BYTES[:99]
    held = len(server.asked)
    file.take(file.prefetch([(400_000, 400_010), (400_020, 450_000), (550_000, 550_001), (1, 2)]))
    # They run at the same time, in any order.
    found = sorted((asked.first, asked.stop) for asked in server.asked[held:])
    assert found == [(400_000, 450_000), (550_000, 550_001)]
    assert file.read(400_005, 449_999) == BYTES[400_005:449_999]
    assert len(server.asked) == held + 2


@pytest.mark.parametrize(
    "faults",
    [
        [BUSY, TOO_MANY],
        [Answer(500), Answer(502)],
        [cut(BYTES[400_000:400_100], len(BYTES))],
        [Answer(206, BYTES[:100_000], {"Content-Range": f"bytes 0-99999/{len(BYTES)}"})],
    ],
    ids=["busy", "broken", "cut", "other bytes"],
)
def test_a_fault_that_passes_is_passed_over(server, faults):
    file = opened(server)
    server.next.extend(faults)
    file.take(file.prefetch([(400_000, 500_000)]))
    assert file.read(400_000, 500_000) == BYTES[400_000:500_000]
    assert len(server.asked) == 2 + len(faults)


def test_a_server_that_stalls_is_asked_again(server):
    with quick_transfers(timeout=0.1):
        file = opened(server)
        server.next.append(Answer(206, b"", missing=9, stall=0.4))
        assert file.read(500_000, 500_100) == BYTES[500_000:500_100]
        server.next.extend([Answer(206, b"", missing=9, stall=0.4)] * 3)
        with pytest.raises(OSError, match=r"a.bin cannot be read: no bytes came for 0.1 s, after 3 attempts"):
            file.read(300_000, 300_100)


@pytest.mark.parametrize(
    ("answers", "kind", "sentence"),
    [
        ([Answer(404)], FileNotFoundError, r"there is no file http://127.*/a.bin \(the server answers 404\)"),
        ([Answer(403)], PermissionError, r"/a.bin cannot be accessed: the server answers 403; give a signed address"),
        ([Answer(401)], PermissionError, r"/a.bin cannot be accessed: the server answers 401"),
        ([Answer(418)], OSError, r"/a.bin cannot be read: the server answers 418$"),
        ([BUSY] * 3, OSError, r"/a.bin cannot be read: the server answers 503, after 3 attempts"),
        ([Answer(429, headers={"Retry-After": "3600"})], OSError, r"429 and asks to wait 3600 s, after 1 attempt$"),
        ([cut(b"x", 1)] * 3, OSError, r"/a.bin cannot be read: the answer is cut short, after 3 attempts"),
        ([Answer(206, b"abc")], OSError, r"the server does not say which bytes it sends"),
    ],
    ids=["404", "403", "401", "418", "503", "429", "cut", "no range"],
)
def test_a_fault_that_stays_is_one_sentence(server, answers, kind, sentence):
    server.next.extend(answers)
    with pytest.raises(kind, match=sentence) as caught:
        opened(server)
    text = str(caught.value)
    while caught is not None and (error := getattr(caught, "value", caught)):
        assert "geheim" not in str(error)
        caught = error.__cause__ or error.__context__
    assert "\n" not in text


def test_a_server_without_ranges_sends_no_whole_file(server):
    server.has_ranges = False
    with pytest.raises(OSError, match="can only be read whole: its server serves no ranges; fetch the file first"):
        opened(server)
    assert opened(server, "small.bin").read(0, 99) == BYTES[:99]
    server.has_ranges = True
    with pytest.raises(OSError, match="empty.bin is empty"):
        opened(server, "empty.bin")


def test_nobody_there_is_one_sentence(tmp_path):
    with RangeServer(tmp_path) as gone:
        address = f"{gone.url}/a.bin"
    with pytest.raises(OSError, match="a.bin cannot be read: the connection failed, after 3 attempts"):
        open_remote([RemoteFile(address)])


def test_retry_after_is_waited_for(server):
    file = opened(server)
    server.next.append(Answer(429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    assert file.read(500_000, 500_001) == BYTES[500_000:500_001]
    # The waits of the test are hundredths of a second otherwise.
    assert time.monotonic() - began >= 1


def test_retry_after_is_a_number_or_a_date():
    assert _seconds(" 7") == 7
    assert _seconds(email.utils.formatdate(time.time() + 90, usegmt=True)) == pytest.approx(90, abs=5)
    assert _seconds(email.utils.formatdate(time.time() - 90, usegmt=True)) == 0
    assert _seconds("soon") is _seconds(None) is None


@pytest.mark.parametrize("told", ["etag", "date", "size"])
def test_a_file_that_changes_is_not_mixed(tmp_path, told):
    (tmp_path / "a.bin").write_bytes(BYTES)
    with RangeServer(tmp_path) as server:
        server.has_etag, server.has_dates = told == "etag", told == "date"
        file = opened(server)
        (tmp_path / "a.bin").write_bytes(BYTES[::-1] + b"x" * (told == "size"))
        os.utime(tmp_path / "a.bin", (1, 1))
        with pytest.raises(ValueError, match="a.bin was changed on its server while it was being read; run again"):
            file.read(300_000, 300_100)
        with pytest.raises(ValueError, match="was changed on its server"):
            file.take(file.prefetch([(400_000, 400_100)]))
        # Opened anew, it is the new one.
        assert opened(server).read(1, 4) == BYTES[::-1][1:4]


def test_versions_are_compared_by_what_both_say():
    assert Version(5, 'W/"a"', "x").is_same(Version(5, '"a"', "y"))
    assert not Version(5, "a").is_same(Version(5, "b"))
    assert not Version(5, None, "x").is_same(Version(5, "b", "y"))
    assert Version(5).is_same(Version(5, "b", "y"))


def test_a_redirection_is_followed_once_and_again_when_it_has_run_out(server):
    """Earthdata sends to a signed address that serves for an hour; each range must not take two round trips."""
    state = {"signed": "1%2Fb%2Bc~"}

    def instead(asked):
        if asked.path.startswith("/data"):
            return Answer(302, headers={"Location": f"/a.bin?Signature={state['signed']}"})
        return Answer(403) if asked.path != f"/a.bin?Signature={state['signed']}" else None

    server.instead = instead
    file = open_remote([RemoteFile(f"{server.url}/data")])[0]
    assert file.read(300_000, 300_100) == BYTES[300_000:300_100]
    assert [asked.path.partition("?")[0] for asked in server.asked] == ["/data", "/a.bin", "/a.bin"]
    state["signed"] = "2%2F"
    assert file.read(500_000, 500_100) == BYTES[500_000:500_100]
    assert [asked.path.partition("?")[0] for asked in server.asked[3:]] == ["/a.bin", "/data", "/a.bin"]


def test_an_address_goes_out_as_it_is_written(server):
    for query in ("sig=1%2Fb%2Bc~&se=2026-11-29T00%3A00%3A00Z", "name=a b"):
        open_remote([RemoteFile(f"{server.url}/a.bin?{query}")])
        assert server.asked[-1].path == f"/a.bin?{query.replace(' ', '+')}"


def test_requests_run_at_the_same_time(tmp_path):
    (tmp_path / "a.bin").write_bytes(BYTES)
    with RangeServer(tmp_path) as server:
        file = opened(server)
        together = threading.Barrier(3)

        def instead(asked):
            # Each waits for the other two.
            together.wait(5)

        server.instead = instead
        ranges = [(place, place + 10) for place in (300_000, 450_000, 600_000)]
        file.take(file.prefetch(ranges))
        assert [file.read(*one) for one in ranges] == [BYTES[first:stop] for first, stop in ranges]


def test_texts_are_read_whole_and_not_larger(server):
    (server.folder / "a.json").write_text("{}\n")
    assert read_remote_text(RemoteFile(f"{server.url}/a.json"), largest=99) == "{}\n"
    with pytest.raises(ValueError, match="a.bin must be at most 0 MiB, it is larger"):
        read_remote_text(RemoteFile(f"{server.url}/a.bin?token=geheim"), largest=99)
    with pytest.raises(ValueError, match="a.bin must be a text in UTF-8"):
        read_remote_text(RemoteFile(f"{server.url}/a.bin?token=geheim"), largest=1 << 20)


def test_the_token_of_earthdata_goes_to_nasa_only(monkeypatch):
    from m3leo_sar.io.remote.http_source import _authorisation

    monkeypatch.setenv("EARTHDATA_TOKEN", "geheim")
    for host in ("cumulus.asf.earthdatacloud.nasa.gov", "urs.earthdata.nasa.gov", "datapool.asf.alaska.edu"):
        assert _authorisation(RemoteFile(f"https://{host}/a.h5")) == {"Authorization": "Bearer geheim"}
    for address in ("https://earthdata.nasa.gov.evil.org/a", "http://x.earthdata.nasa.gov/a", "https://127.0.0.1/a"):
        assert _authorisation(RemoteFile(address)) == {}


def test_objects_of_a_store_are_read_by_the_users_own_credentials(server, monkeypatch):
    pytest.importorskip("obstore")
    from m3leo_sar.io.remote.object_source import list_objects

    (server.folder / "bucket").mkdir(exist_ok=True)
    (server.folder / "bucket" / "a.bin").write_bytes(BYTES)
    for name, value in {
        "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIDX", "AWS_SECRET_ACCESS_KEY": "geheim",
        "AWS_REGION": "eu-west-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    file = open_remote([RemoteFile("s3://bucket/a.bin")])[0]
    assert file.read(400_000, 500_000) == BYTES[400_000:500_000]
    assert "X-Amz-Credential=AKIDX%2F" in server.asked[-1].path
    assert "authorization" not in {name.lower() for name in server.asked[-1].headers}
    server.next.extend([Answer(404), Answer(403), Answer(418)])
    for kind, sentence in (
        (FileNotFoundError, "there is no file s3://bucket/b.bin"),
        (PermissionError, "s3://bucket/b.bin cannot be accessed: the server answers 403; set AWS_ACCESS_KEY_ID"),
        (OSError, "s3://bucket/b.bin cannot be read: .*418"),
    ):
        with pytest.raises(kind, match=sentence) as caught:
            open_remote([RemoteFile("s3://bucket/b.bin")])
        assert "geheim" not in f"{caught.value} {caught.value.__cause__}"
    held = len(server.asked)
    server.next.extend([TOO_MANY, BUSY])
    assert file.read(600_000, 600_009) == BYTES[600_000:600_009]
    # Ours are the only attempts: obstore would make some of its own, and keep how long to wait to itself.
    assert len(server.asked) == held + 3
    for answer, sentence in (
        (Answer(429, headers={"Retry-After": "3600"}), "s3://bucket/c.bin .* 429 and asks to wait 3600 s, after 1 att"),
        (Answer(400), "s3://bucket/c.bin cannot be accessed: the server answers 400, as for a token that has run out"),
        (Answer(301), "s3://bucket/c.bin lies in another region: set AWS_REGION"),
    ):
        server.next.append(answer)
        with pytest.raises(OSError, match=sentence):
            open_remote([RemoteFile("s3://bucket/c.bin")])
    server.has_ranges = False
    with pytest.raises(OSError, match="can only be read whole: its server serves no ranges"):
        open_remote([RemoteFile("s3://bucket/a.bin")])
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (server.folder / "bucket" / "öffentlich 1%.bin").write_bytes(BYTES[:99])
    assert open_remote([RemoteFile("s3://bucket/öffentlich 1%25.bin")])[0].read(0, 9) == BYTES[:9]
    assert "?" not in server.asked[-1].path
    keys = [b"x/b.h5", b"x/b.h5.png", b"x/OPERA_L2_COMPRESSED-CSLC-S1_a.h5", b"x/c.tif"]
    facts = b"<Size>3</Size><LastModified>2026-11-29T00:00:00.000Z</LastModified><ETag>a</ETag>"
    entries = b"".join(b"<Contents><Key>" + key + b"</Key>" + facts + b"</Contents>" for key in keys)
    listed = Answer(200, b"<ListBucketResult>" + entries + b"</ListBucketResult>")
    server.instead = lambda asked: listed if "list-type" in asked.path else None
    assert {file.name for file in list_objects(RemoteFile("s3://bucket/x/"))} == {"b.h5", "b.h5.png", "c.tif"} | {
        "OPERA_L2_COMPRESSED-CSLC-S1_a.h5"
    }
    assert stack_files("s3://bucket/x/") == [RemoteFile("s3://bucket/x/b.h5"), RemoteFile("s3://bucket/x/c.tif")]
    assert stack_files("s3://bucket/x/*.h5") == [RemoteFile("s3://bucket/x/b.h5")]
    with pytest.raises(FileNotFoundError, match=r"there is no file s3://bucket/x/z\*.h5"):
        stack_files("s3://bucket/x/z*.h5")
