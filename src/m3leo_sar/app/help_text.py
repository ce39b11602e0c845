"""Help of commands from the docstrings of their functions."""

from __future__ import annotations

import inspect
import re


def help_text(docstring: str) -> str:
    """A docstring with one line per paragraph, which the terminal wraps, and one line per example.

    Examples
    --------
    >>> print(help_text('''Draw a tile.
    ...
    ...     A long sentence
    ...     of two lines.
    ...
    ...     Examples: m3leo-sar plot chips a.png; m3leo-sar plot chips
    ...     b.png --map
    ...     '''))
    Draw a tile.
    <BLANKLINE>
    A long sentence of two lines.
    <BLANKLINE>
    Examples:
    m3leo-sar plot chips a.png
    m3leo-sar plot chips b.png --map
    """
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", inspect.cleandoc(docstring))]
    return "\n\n".join(_with_examples(part) for part in paragraphs)


def _with_examples(paragraph: str) -> str:
    head, colon, rest = paragraph.partition(": ")
    if not (colon and head in ("Example", "Examples")):
        return paragraph
    return "\n".join([f"{head}:", *rest.split("; ")])
