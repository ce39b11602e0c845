from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from m3leo_sar.io.remote.remote_address import RemoteFile, file_at, full_address, is_remote, redacted_text

SECRET = "https://anna:geheim@h.org:81/a/20230301%20b.tif?token=geheim&X-Amz-Signature=geheim#geheim"


def test_no_text_of_an_address_shows_its_secrets() -> None:
    file = RemoteFile(SECRET)
    texts = [str(file), repr(file), f"{file}", os.fspath(file), str(file.parent), file.identity, file.name, file.stem]
    assert not any("geheim" in text or "anna" in text for text in texts)
    assert Path(file).name == "20230301%20b.tif"
    assert (file.name, file.stem, file.suffix, str(file.parent)) == (
        "20230301 b.tif", "20230301 b", ".tif", "https://h.org:81/a"
    )  # fmt: skip
    assert redacted_text(f"error of GET {SECRET}, sorry") == "error of GET https://h.org:81/a/20230301%20b.tif, sorry"


def test_it_passes_to_another_process_whole() -> None:
    file = RemoteFile(SECRET)
    assert pickle.loads(pickle.dumps(file)) == file
    assert file_at(full_address(file)) == file
    assert file_at(full_address(Path("a/b.tif"))) == Path("a/b.tif")
    # What a command line or a careless caller makes of it.
    assert file_at(Path("s3://b/c.tif")) == RemoteFile("s3://b/c.tif")
    assert file_at(Path("https:")) == Path("https:")


def test_identity_keeps_what_chooses_a_file_and_drops_what_grants_access() -> None:
    def identity(query: str) -> str:
        return RemoteFile(f"https://h/get?{query}").identity

    assert identity("file=a&token=1") == identity("file=a&token=2")
    assert identity("file=a&X-Amz-Date=1&X-Amz-Signature=s") == identity("file=a")
    assert identity("file=a") != identity("file=b")
    assert identity("sv=1&sig=2&se=3") == identity("") == "https://h/get"


@pytest.mark.parametrize("text", ["a.tif", "/vsicurl/https://h/a.tif", "ftp://h/a.tif", "C:\\a.tif", "s3:/a"])
def test_other_texts_are_no_addresses(text) -> None:
    assert not is_remote(text)
    with pytest.raises(ValueError, match="url must begin with http://, https://, s3://"):
        RemoteFile(text)


def test_references_are_relative_to_a_file_as_in_a_browser() -> None:
    page = RemoteFile("https://h/api/search?page=1")
    assert page.joined("search?page=2").url == "https://h/api/search?page=2"
    assert page.joined("/x/a.tif").url == "https://h/x/a.tif"
    assert page.joined("s3://b/a.tif").url == "s3://b/a.tif"
    assert RemoteFile("s3://b/x/list.csv").joined("y/a.tif").url == "s3://b/x/y/a.tif"
    assert page.with_suffix(".vrt").url == "https://h/api/search.vrt"
