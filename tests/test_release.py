"""The version of a release, and the files of .github, conda and Docker that carry it out."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]


def script(name):
    spec = importlib.util.spec_from_file_location(f"{name}_script", ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def release():
    return script("release")


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "conda").mkdir()
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "conda/recipe.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def change(file, before, after):
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


def test_the_files_of_this_tree_name_one_version(release):
    assert release.problems(ROOT) == []


def test_a_tag_is_the_version_and_nothing_else(release, tree):
    change(tree / "CHANGELOG.md", f"## {VERSION} (unreleased)", f"## {VERSION} (2027-01-31)")
    assert release.problems(tree, f"v{VERSION}") == []
    for tag in (VERSION, f"v{VERSION}.1", f"V{VERSION}", ""):
        assert release.problems(tree, tag) == [
            f"the tag is {tag!r}, the version in pyproject.toml {VERSION}; the tag of it is 'v{VERSION}'"
        ]


@pytest.mark.parametrize(
    ("name", "before", "after", "problem"),
    [
        ("pyproject.toml", f'version = "{VERSION}"', 'version = "7.8.9"', "CITATION.cff states version"),
        ("CITATION.cff", f"version: {VERSION}", "version: 0.0.9", "CITATION.cff states version 0.0.9, pyproject.toml"),
        ("CITATION.cff", f"version: {VERSION}", "", "CITATION.cff states version none"),
        ("conda/recipe.yaml", f'version: "{VERSION}"', 'version: "0.0.9"', "conda/recipe.yaml states version 0.0.9"),
        ("CHANGELOG.md", f"## {VERSION} (unreleased)", "## 0.0.9", f"has no section '## {VERSION}'"),
        ("CHANGELOG.md", f"## {VERSION} (unreleased)", f"## {VERSION} (unreleased)", "is unreleased"),
    ],
)
def test_a_release_is_refused_that_contradicts_itself(release, tree, name, before, after, problem):
    change(tree / name, before, after)
    assert [found for found in release.problems(tree, f"v{VERSION}") if problem in found]


def test_the_script_says_why_and_ends_with_a_failure(release, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["release.py", "v9.9.9"])
    with pytest.raises(SystemExit, match="release: the tag is 'v9.9.9'"):
        release.main()


def test_actions_are_pinned_and_the_tag_is_checked_before_anything_is_built():
    text = (ROOT / ".github/workflows/wheels.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name)] == []
    assert [step["run"] for step in jobs["release"]["steps"] if "run" in step] == [
        'python .ci/release.py ${TAG:+"$TAG"}'
    ]
    assert (jobs["sdist"]["needs"], jobs["wheels"]["needs"]) == ("release", "sdist")
    assert [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]][-1] == "pypa/gh-action-pypi-publish"
    assert jobs["publish"]["if"] == "github.ref_type == 'tag'"


def requirement(line):
    """Name, lower-cased, and bounds of a line of either kind of dependency."""
    return re.match(r"([\w.-]+)\s*(.*)", line.partition("#")[0].strip()).groups()


def test_the_conda_recipe_asks_for_what_pyproject_asks_for():
    recipe = yaml.safe_load((ROOT / "conda/recipe.yaml").read_text())
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["io"], *extras["app"]]
    other_names = {"matplotlib": "matplotlib-base", "pystac-core": "pystac"}
    wanted = {requirement(line) for line in lines if not line.startswith("m3leo-sar")}
    wanted = {(other_names.get(name, name), bounds) for name, bounds in wanted} | {
        ("python", project["requires-python"])
    }
    assert {requirement(line) for line in recipe["requirements"]["run"]} == wanted
    entry = [f"{name} = {value}" for name, value in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == entry
    host = {requirement(line) for line in recipe["requirements"]["host"] if isinstance(line, str)}
    host -= {("python", ""), ("pip", "")}
    assert host == {requirement(line) for line in PROJECT["build-system"]["requires"]}


def test_the_image_copies_what_the_build_needs_and_runs_as_a_user():
    text = (ROOT / "Dockerfile").read_text()
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith(("#", " "))]
    copied = {word for name, rest in steps if name == "COPY" for word in rest.split()[:-1]}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
    assert [name for name, _ in steps].count("FROM") == 2
    names = [name for name, _ in steps]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "m3leo-sar doctor" in text


def test_each_extra_of_users_is_installed_in_turn_by_the_check_of_wheels():
    check = script("check_wheel")
    assert {*check.EXTRAS, *check.DEVELOPMENT} == set(PROJECT["project"]["optional-dependencies"])
