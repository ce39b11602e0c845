"""A ledger keeps what was recorded, whoever writes, whatever the clock says, and refuses files of others."""

import datetime
import sqlite3
import subprocess
import sys
import threading

import pytest

from m3leo_sar.io.files.ledger import Ledger


def test_what_is_recorded_is_found_when_the_file_is_opened_again(tmp_path):
    path = tmp_path / "folder" / "ledger.sqlite"
    with Ledger(path) as ledger:
        assert ledger.entry("cover/a") is None
        ledger.record("cover/a", "done", digest="1f", checksum="c0ffee", outputs=["vv", "vh"])
        ledger.record("cover/b", "failed", digest="1f", reason="server said no", attempts=4)
        ledger.record("cover_b/c", "skipped", digest="2e", reason="off")
    with Ledger(path) as ledger:
        entry = ledger.entry("cover/a")
        assert entry[:7] == ("cover/a", "done", "", 1, "1f", "c0ffee", ("vv", "vh"))
        assert entry.created.tzinfo == datetime.UTC
        assert abs(datetime.datetime.now(datetime.UTC) - entry.created) < datetime.timedelta(minutes=1)
        assert [entry.key for entry in ledger.entries()] == ["cover/a", "cover/b", "cover_b/c"]
        assert [entry.reason for entry in ledger.entries(state="failed")] == ["server said no"]
        # An underscore is no pattern.
        assert [entry.key for entry in ledger.entries(prefix="cover_")] == ["cover_b/c"]
        assert ledger.counts() == {"done": 1, "skipped": 1, "failed": 1}
        assert ledger.counts(prefix="cover/") == {"done": 1, "skipped": 0, "failed": 1}


def test_attempts_add_up_until_the_parameters_change(tmp_path):
    with Ledger(tmp_path / "a") as ledger:
        ledger.record("a", "failed", digest="1", attempts=4, reason="no")
        ledger.record("a", "failed", digest="1", attempts=3, reason="still no")
        assert ledger.entry("a")[1:4] == ("failed", "still no", 7)
        ledger.record("a", "done", digest="2", attempts=2)
        assert ledger.entry("a")[1:7] == ("done", "", 2, "2", None, ())


def test_a_clock_that_goes_backwards_makes_no_row_older(tmp_path, monkeypatch):
    hours = [12, 9, 15]

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(2024, 10, 27, hours.pop(0), tzinfo=zone)

    monkeypatch.setattr(datetime, "datetime", Clock)
    with Ledger(tmp_path / "a") as ledger:
        found = []
        for state in ("failed", "done", "done"):
            ledger.record("a", state, digest="1")
            entry = ledger.entry("a")
            found.append((entry.state, entry.created.hour, entry.updated.hour))
    assert found == [("failed", 12, 12), ("done", 12, 12), ("done", 12, 15)]


WRITER = """
import sys
from m3leo_sar.io.files.ledger import Ledger
path, who = sys.argv[1:]
for part in range(4):
    with Ledger(path) as ledger:
        for number in range(part * 25, part * 25 + 25):
            ledger.record(f"{who}/{number}", "done", digest="1")
            ledger.record("both", "failed", digest="1")
"""


def test_two_processes_write_at_once(tmp_path):
    path = tmp_path / "ledger.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, who], stderr=subprocess.PIPE, text=True) for who in "ab"
    ]
    for writer in writers:
        _, reported = writer.communicate(timeout=100)
        assert writer.returncode == 0, reported
    with Ledger(path) as ledger:
        assert ledger.counts() == {"done": 200, "skipped": 0, "failed": 1}
        # Not one was lost between reading and writing.
        assert ledger.entry("both").attempts == 200
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_threads_share_a_ledger_and_make_one_at_once(tmp_path):
    faults = []

    def write(who):
        try:
            with Ledger(tmp_path / "a") as own:
                own.record(f"own/{who}", "done", digest="1")
            for number in range(30):
                shared.record(f"{who}/{number}", "done", digest="1")
        except Exception as error:
            faults.append(error)

    with Ledger(tmp_path / "b") as shared:
        threads = [threading.Thread(target=write, args=(who,)) for who in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert shared.counts()["done"] == 150


def test_a_new_ledger_waits_for_whoever_is_making_the_file(tmp_path):
    faults = []

    def open_it():
        try:
            Ledger(tmp_path / "a").close()
        except ValueError as error:
            faults.append(str(error))

    other = sqlite3.connect(tmp_path / "a", timeout=1, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE places (x)")
    thread = threading.Thread(target=open_it)
    thread.start()
    thread.join(timeout=0.3)
    # One that had looked without taking the right to write would now stand in the way.
    other.execute("COMMIT")
    other.close()
    thread.join()
    assert faults == [f"{tmp_path / 'a'} is a database of something else, not a ledger"]


def test_ctrl_c_between_two_statements_leaves_no_transaction_open(tmp_path, monkeypatch):
    class Connection(sqlite3.Connection):
        armed = False

        def execute(self, statement, *values):
            found = super().execute(statement, *values)
            if self.armed and statement.startswith("BEGIN"):
                type(self).armed = False
                raise KeyboardInterrupt
            return found

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *path, **options: connect(*path, factory=Connection, **options))
    with Ledger(tmp_path / "a") as ledger:
        Connection.armed = True
        with pytest.raises(KeyboardInterrupt):
            ledger.record("a", "done", digest="1")
        assert ledger.entry("a") is None
        ledger.record("a", "done", digest="1")
        assert ledger.counts()["done"] == 1


def test_files_of_others_and_damaged_ones_are_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no database at all, but long enough to be taken for one" * 20)
    with pytest.raises(ValueError, match=r"notes.txt is damaged or no ledger"):
        Ledger(tmp_path / "notes.txt")
    with sqlite3.connect(tmp_path / "places.sqlite") as database:
        database.execute("CREATE TABLE jobs (key TEXT)")
    database.close()
    with pytest.raises(ValueError, match=r"places.sqlite is a database of something else"):
        Ledger(tmp_path / "places.sqlite")
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        for number in range(300):
            ledger.record(f"key {number}", "done", digest="1", reason="x" * 100)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(ValueError, match=r"ledger.sqlite is damaged"), Ledger(path) as ledger:
        ledger.entries()
    # SQLite quotes what it cannot parse, in whatever bytes it is.
    path.write_bytes(content.replace(b"CREATE TABLE", b"CREATE TABL\xdf", 1))
    with pytest.raises(ValueError, match=r"ledger.sqlite is damaged or no ledger"):
        Ledger(path)
    with Ledger(tmp_path / "later") as ledger:
        pass
    with sqlite3.connect(tmp_path / "later") as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(ValueError, match=r"later has version 2; this library reads up to 1"):
        Ledger(tmp_path / "later")
    with pytest.raises(OSError, match="cannot be used"):
        Ledger(tmp_path)


def test_words_that_are_none_are_refused(tmp_path):
    with Ledger(tmp_path / "a") as ledger:
        with pytest.raises(ValueError, match="state must be one of done, skipped, failed, got 'ready'"):
            ledger.record("a", "ready", digest="1")
        with pytest.raises(ValueError, match="key must name a job"):
            ledger.record("", "done", digest="1")
        with pytest.raises(ValueError, match="attempts must be at least 0, got -1"):
            ledger.record("a", "done", digest="1", attempts=-1)
        with pytest.raises(ValueError, match="state must be one of"):
            ledger.entries(state="ready")
        assert ledger.counts() == {"done": 0, "skipped": 0, "failed": 0}
