"""XML without document types, so that it can neither expand entities nor name other files."""

from __future__ import annotations

from xml.etree import ElementTree

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from m3leo_sar.io.files import limits


def parse_xml(content: bytes, name: str) -> ElementTree.Element:
    """Root of an XML text in UTF-8.

    Raises
    ------
    ValueError
        If it is too large, no UTF-8 or no XML, or has a document type, unlike any Sentinel-1 product.
    """
    limits.require_size(name, len(content), limits.LARGEST_TEXT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be XML in UTF-8: {error}") from error
    if "\0" in text:
        # NUL is no character of XML, but half of each one in UTF-16, which the parser would detect by itself.
        raise ValueError(f"{name} must be XML in UTF-8, it holds NUL")
    try:
        # Unlike bytes, a text is parsed as it is, whatever encoding its first line declares.
        root: ElementTree.Element = defusedxml.ElementTree.fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError(f"{name} must have no document type and no entities") from error
    except (ElementTree.ParseError, UnicodeEncodeError) as error:
        raise ValueError(f"{name} is not XML: {error}") from error
    return root
