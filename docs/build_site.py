"""Build the site in build/site: stage the pages, write those of the reference, run Sphinx.

python docs/build_site.py [--output FOLDER] [--fresh] [--links]

Pages, figures and notebooks are copied to build/site-source first, so that nothing generated lies among the sources.
Warnings are errors. Nothing is fetched from a network, neither by the build nor by the pages.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS))

#: Files outside docs/ that are pages of the site, and their name there.
PAGES_FROM_ELSEWHERE = {
    "benchmarks/RESULTS.md": "measured.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "CITATION.cff": "CITATION.cff",
}
#: Files of docs/ that are no pages.
NOT_STAGED = ("README.md", "gallery", "static", "__pycache__")
#: Links to files that the site has no page for: the text stays, as code.
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def main() -> int:
    """Build the site; the exit code is that of Sphinx."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="folder of the site")
    parser.add_argument("--fresh", action="store_true", help="build everything again")
    parser.add_argument("--links", action="store_true", help="check external links instead, which needs a network")
    options = parser.parse_args()
    source = options.output.with_name(options.output.name + "-source")
    if options.fresh:
        for folder in (source, options.output):
            shutil.rmtree(folder, ignore_errors=True)
    stage(source)
    if options.links:
        return run_sphinx(source, options.output.with_name("site-links"), builder="linkcheck")
    return run_sphinx(source, options.output)


def stage(source: Path) -> None:
    """Bring the staged pages up to date; a page that did not change keeps its time, and is not read again."""
    from reference_pages import reference_pages
    from site_pictures import draw_site_pictures

    wanted: dict[Path, str | Path | None] = {}
    for path in sorted(DOCS.rglob("*")):
        relative = path.relative_to(DOCS)
        if path.is_file() and relative.parts[0] not in NOT_STAGED and path.suffix != ".py":
            wanted[source / relative] = with_site_links(path) if path.suffix == ".md" else path
    wanted[source / "guides.md"] = with_other_guides(wanted)
    for name, page in PAGES_FROM_ELSEWHERE.items():
        wanted[source / page] = with_site_links(ROOT / name)
    wanted |= {source / "api" / name: text for name, text in reference_pages().items()}
    wanted |= dict.fromkeys(draw_site_pictures(source / "images"))
    for path, content in wanted.items():
        if content is not None:
            write_if_changed(path, content.read_bytes() if isinstance(content, Path) else content.encode())
    for path in source.rglob("*"):
        if (
            path.is_file()
            and path not in wanted
            and path.relative_to(source).parts[0] not in ("gallery", "sg_execution_times.rst")
        ):
            path.unlink()


def with_other_guides(pages: Mapping[Path, str | Path | None]) -> str:
    """The list of guides with those pages of docs/ that no list names."""
    top = {path.stem: text for path, text in pages.items() if isinstance(text, str) and path.parent.name != "notebooks"}
    lists = "\n".join(re.findall(r"```{toctree}\n(.*?)```", "\n".join(top.values()), re.DOTALL))
    named = {line.strip() for line in lists.splitlines()} | {"index"}
    others = [name for name in top if name not in named]
    more = ["", "```{toctree}", ":maxdepth: 1", ":caption: More", "", *others, "```", ""] if others else []
    return top["guides"] + "\n".join(more)


def with_site_links(path: Path) -> str:
    """Text of a page, its links to files that are pages of the site leading there."""

    def on_site(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        file = (path.parent / target).resolve()
        page = _page_of(file)
        if page is None:
            return text if text.startswith("`") else f"`{file.relative_to(ROOT)}`"
        return f"[{text}]({os.path.relpath(page, _page_of(path).parent)}{anchor})"

    return with_description(_LINK.sub(on_site, path.read_text("utf-8")))


def with_description(text: str) -> str:
    """A page with the description that search engines show: its own, or else the beginning of its first paragraph."""
    if text.startswith("---\n") or not text.startswith("# "):
        return text
    paragraphs = (part for part in text.split("\n\n")[1:] if re.match(r"[A-Z`*]", part))
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)|[`*]", lambda match: match[1] or "", " ".join(next(paragraphs, "").split()))
    description = shorten(plain, 155, placeholder=" ...").replace('"', "'")
    return f'---\nmyst:\n  html_meta:\n    description: "{description}"\n---\n{text}'


def _page_of(file: Path) -> Path | None:
    """Place of a file among the staged pages, or None if it is none of them."""
    name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else ""
    if name in PAGES_FROM_ELSEWHERE:
        return Path(PAGES_FROM_ELSEWHERE[name])
    if file == ROOT / "README.md":
        return Path("conventions.md")
    if file == DOCS / "README.md":
        return Path("guides.md")
    staged = file.is_relative_to(DOCS) and file.relative_to(DOCS).parts[0] not in NOT_STAGED
    return file.relative_to(DOCS) if staged else None


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file unless it holds these bytes already, so that Sphinx reads only what changed."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def run_sphinx(source: Path, output: Path, *, builder: str = "html") -> int:
    """Exit code of Sphinx."""
    from sphinx.cmd.build import main as sphinx

    # Kernels of one thread: the build itself takes two processes.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    arguments = [
        "-W",
        "--keep-going",
        "-q",
        "-j",
        os.environ.get("M3LEO_SAR_DOCS_JOBS", "1"),
        "-b",
        "html",
        "-c",
        str(DOCS),
    ]
    code = sphinx([*arguments, "-d", str(source.with_name(source.name + "-trees")), str(source), str(output)])
    if not code:
        print(f"the site is {output / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
