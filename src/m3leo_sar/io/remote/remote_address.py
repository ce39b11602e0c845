"""Addresses of files on servers (http, https, s3, gs, az); their passwords and tokens are never shown."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit

#: Schemes that are read over HTTP, and those of object stores.
HTTP = ("http", "https")
OBJECT_STORES = ("s3", "gs", "az")
_SCHEMES = (*HTTP, *OBJECT_STORES)
#: An address within a text, such as a message of a library.
_IN_TEXT = re.compile(rf"\b(?:{'|'.join(_SCHEMES)})://[^\s'\"<>()\[\]{{}},]+", re.IGNORECASE)
_COLLAPSED = re.compile(rf"({'|'.join(_SCHEMES)}):/([^/].*)", re.IGNORECASE | re.DOTALL)
#: Parameters of an address that grant access for a time: those of signed addresses of AWS, Google, Azure, CloudFront.
_GRANTS = re.compile(
    r"x-(amz|goog)-.*|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid|.*token.*|.*key|sig|s[a-z]|"
    r"sk[a-z]{1,3}|a-userid",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RemoteFile(os.PathLike[str]):
    """A file on a server, with the words of :class:`pathlib.Path` that readers of stacks use.

    Its text, and its path for functions of ``os``, lack user name, password and parameters: no message can show them.

    Parameters
    ----------
    url : str
        Full address.

    Examples
    --------
    >>> file = RemoteFile("https://user:secret@example.org/slc/20230301.tif?token=abc")
    >>> str(file), file.name, file.suffix
    ('https://example.org/slc/20230301.tif', '20230301.tif', '.tif')
    """

    url: str

    def __post_init__(self) -> None:
        if not is_remote(self.url):
            raise ValueError(
                f"url must begin with {', '.join(f'{name}://' for name in _SCHEMES)}, got {redacted(self.url)!r}"
            )

    def __str__(self) -> str:
        return redacted(self.url)

    def __repr__(self) -> str:
        return f"RemoteFile({redacted(self.url)!r})"

    def __fspath__(self) -> str:
        return redacted(self.url)

    def __lt__(self, other: RemoteFile) -> bool:
        return self.url < other.url

    def __truediv__(self, name: str) -> RemoteFile:
        """A file below this folder, with the parameters of the address, which may grant access to all of it."""
        parts = urlsplit(self.url)
        path = f"{parts.path.rstrip('/')}/{quote(name)}"
        return RemoteFile(urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")))

    @property
    def scheme(self) -> str:
        """``http``, ``https``, ``s3``, ``gs`` or ``az``."""
        return urlsplit(self.url).scheme.lower()

    @property
    def server(self) -> str:
        """Scheme and host, or bucket, with a user name and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def name(self) -> str:
        """Last part of the path."""
        return unquote(urlsplit(self.url).path.rstrip("/").rpartition("/")[2])

    @property
    def suffix(self) -> str:
        """Suffix of the name, with its dot."""
        return Path(self.name).suffix

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return Path(self.name).stem

    @property
    def parent(self) -> RemoteFile:
        """The folder, without the parameters of the address."""
        parts = urlsplit(self.url)
        return RemoteFile(urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/").rpartition("/")[0], "", "")))

    @property
    def identity(self) -> str:
        """Text that names the file in an index: without parameters that grant access, which change from day to day."""
        named = sorted(pair for pair in parse_qsl(urlsplit(self.url).query) if not _GRANTS.fullmatch(pair[0]))
        return str(self) + (f"#{hashlib.sha256(repr(named).encode()).hexdigest()[:16]}" if named else "")

    def joined(self, address: str) -> RemoteFile:
        """The file to which a text in this one refers."""
        if is_remote(address):
            return RemoteFile(address)
        # urljoin knows the schemes of the web alone.
        scheme, _, rest = self.url.partition("://")
        return RemoteFile(f"{scheme}://" + urljoin(f"http://{rest}", address).removeprefix("http://"))

    def with_suffix(self, suffix: str) -> RemoteFile:
        """The file whose name has another suffix, without the parameters of the address."""
        return RemoteFile(f"{self.parent.url}/{quote(self.stem + suffix)}")

    def absolute(self) -> RemoteFile:
        """Itself."""
        return self

    def resolve(self) -> RemoteFile:
        """Itself."""
        return self

    def is_dir(self) -> bool:
        """False: servers have no folders."""
        return False

    def is_file(self) -> bool:
        """True: whether the server has it shows when it is opened."""
        return True

    def exists(self) -> bool:
        """True, as :meth:`is_file`."""
        return True


#: A file of this machine, or of a server.
AnyFile = Path | RemoteFile


def is_remote(path: Any) -> bool:
    """Whether a path is the address of a file on a server.

    Examples
    --------
    >>> is_remote("s3://bucket/20230301.h5"), is_remote("slc/20230301.h5")
    (True, False)
    """
    if isinstance(path, RemoteFile):
        return True
    scheme, separator, _ = path.partition("://") if isinstance(path, str) else ("", "", "")
    return bool(separator) and scheme.lower() in _SCHEMES


def file_at(path: str | os.PathLike[str]) -> AnyFile:
    """The file of this machine or of a server that a text or path names."""
    if isinstance(path, RemoteFile):
        return path
    if isinstance(path, str) and is_remote(path):
        return RemoteFile(path)
    # A Path of an address has one slash in place of two.
    found = _COLLAPSED.fullmatch(os.fspath(path))
    return RemoteFile(f"{found[1]}://{found[2]}") if found else Path(path)


def full_address(path: str | os.PathLike[str]) -> str:
    """Text from which :func:`file_at` gives the same file in another process; it may hold a token, so never show it."""
    return path.url if isinstance(path, RemoteFile) else os.fspath(path)


def redacted(url: str) -> str:
    """An address without user name, password, parameters and fragment.

    Examples
    --------
    >>> redacted("https://user:secret@example.org:8443/a.h5?X-Amz-Signature=12ab")
    'https://example.org:8443/a.h5'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def redacted_text(text: str) -> str:
    """A text whose addresses are redacted, such as the message of a library."""
    return _IN_TEXT.sub(lambda found: redacted(found[0]), text)
