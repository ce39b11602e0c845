"""Whether the files of a release name one version: ``python .ci/release.py [TAG]``.

pyproject.toml states the version. CITATION.cff and the conda recipe must state the same, and CHANGELOG.md must have a
section for it. A TAG, ``v`` and the version, is refused if it is another, or if the section still says ``unreleased``.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Files that repeat the version, and how.
_REPEATED = {
    "CITATION.cff": re.compile(r"^version: (\S+)$", re.MULTILINE),
    "conda/recipe.yaml": re.compile(r'^  version: "([^"]+)"$', re.MULTILINE),
}
_HEADING = re.compile(r"^## (\S+)(?: \(([^)]*)\))?$", re.MULTILINE)


def version_of(root: Path) -> str:
    """Version that pyproject.toml states."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def problems(root: Path, tag: str | None = None) -> list[str]:
    """What keeps the tree from being released under a tag, in sentences; without a tag, what is inconsistent in it."""
    version = version_of(root)
    found = []
    for name, pattern in _REPEATED.items():
        stated = pattern.search((root / name).read_text())
        if stated is None or stated[1] != version:
            found.append(f"{name} states version {stated[1] if stated else 'none'}, pyproject.toml {version}")
    headings = dict(_HEADING.findall((root / "CHANGELOG.md").read_text()))
    if version not in headings:
        found.append(f"CHANGELOG.md has no section '## {version}'")
    elif tag is not None and headings[version] == "unreleased":
        found.append(f"CHANGELOG.md still says that {version} is unreleased")
    if tag is not None and tag != f"v{version}":
        found.append(f"the tag is {tag!r}, the version in pyproject.toml {version}; the tag of it is 'v{version}'")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tag", nargs="?", help="the tag to release, such as v0.1.0")
    asked = parser.parse_args()
    found = problems(ROOT, asked.tag)
    if found:
        sys.exit("\n".join(f"release: {problem}" for problem in found))
    print(f"{version_of(ROOT)} is {'consistent' if asked.tag is None else 'ready to be released'}")


if __name__ == "__main__":
    main()
