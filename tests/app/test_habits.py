"""What every command has: --json, -q and -v, completion by the shell, groups of options, what to type next."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from production import write_dates

from m3leo_sar import TileGrid
from m3leo_sar.app.cli import app
from m3leo_sar.app.command import main
from m3leo_sar.app.command_result import CommandResult, reason_lines, show
from m3leo_sar.app.completion import file_dates
from m3leo_sar.app.manner import speaking
from m3leo_sar.io.chips.archive import ChipArchive

#: Dates, and pairs, of the stack.
DATES, PAIRS = 3, 3


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A stack of three dates and an archive of three tiles, one below the other in a folder."""
    folder = tmp_path_factory.mktemp("habits")
    write_dates(folder / "stack", DATES)
    archive = ChipArchive.create(folder / "chips", grid="legacy")
    rng = np.random.default_rng(7)
    for tile in list(TileGrid.legacy((9.0, 49.9, 9.2, 50.05), pixels=32))[:3]:
        key = "VV/20230301_20230313"
        facts = {"product": "coherence", "key": key, "polarisation": "VV", "unit": "1"}
        archive.write(tile.identifier, "coherence", key, rng.random((32, 32)).astype("f4"), tile.geobox, metadata=facts)
    return folder


@pytest.fixture
def call(monkeypatch, capfd, inputs, columns):
    """Runs a command in the folder of the inputs: its exit code, output and errors."""
    columns(200)
    monkeypatch.chdir(inputs)

    def run(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["m3leo-sar", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, errors = capfd.readouterr()
        assert (ended.value.code or 0) == code, out + errors
        return out, errors

    return run


def table_cells(text):
    """Rows of the tables that a command printed."""
    return [[part.strip() for part in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


def commands():
    return sorted(
        command.name or command.callback.__name__.replace("_", "-")
        for group in app.registered_groups
        for command in group.typer_instance.registered_commands
    )


@pytest.mark.parametrize("command", commands())
def test_every_command_has_the_three_options(call, command):
    text, _ = call(command, "--help")
    for option in ("--quiet", "--verbose", "--json", "Messages"):
        assert option in text


def test_pairs_as_json_are_those_of_the_table(call):
    text, _ = call("pairs", "stack", "--archive", "chips")
    document = json.loads(call("pairs", "stack", "--archive", "chips", "--json")[0])
    assert list(document) == ["schema", "command", "facts", "rows", "skipped", "failed", "notes"]
    assert (document["schema"], document["command"]) == (1, "pairs")
    rows = document["rows"]
    assert [[row["pair"], str(row["days"]), row["season"], str(row["tiles"]["VV"])] for row in rows] == table_cells(
        text
    )
    assert rows[0] == {
        "pair": "20230301_20230313",
        "reference": "2023-03-01",
        "secondary": "2023-03-13",
        "days": 12,
        "season": "spring",
        "tiles": {"VV": 3},
    }
    assert document["facts"]["dates"] == ["2023-03-01", "2023-03-13", "2023-03-25"]
    assert (len(rows), document["facts"]["pairs"], document["facts"]["connected"]) == (PAIRS, PAIRS, True)


def test_a_stack_an_archive_and_a_chip_as_json(call, inputs):
    text, _ = call("describe", "stack")
    document = json.loads(call("describe", "stack", "--json")[0])
    assert [row["date"] for row in document["rows"]] == document["facts"]["dates"]
    assert dict(table_cells(text))["all dates"] == " ".join(day.replace("-", "") for day in document["facts"]["dates"])
    assert dict(table_cells(text))["kind"] == document["facts"]["kind"]
    assert document["facts"]["polarisations"] == ["VV"]
    archive = dict(table_cells(call("describe", "chips")[0]))
    facts = json.loads(call("describe", "chips", "--json")[0])["facts"]
    assert {name.replace(" ", "_"): value for name, value in archive.items()}.items() <= facts.items()
    chip = next((inputs / "chips").rglob("*.tif"))
    cells = dict(table_cells(call("describe", chip)[0]))
    band = json.loads(call("describe", chip, "--json")[0])["rows"][0]
    assert band["dates"] == ["2023-03-01", "2023-03-13"]
    assert cells["values"] == f"{band['minimum']:.4g} ... {band['maximum']:.4g}"
    assert cells["valid"] == f"{band['valid']:.1%}"
    assert (cells["quantity"], cells["polarisation"]) == (band["quantity"], band["polarisation"])


def test_products_as_json_are_those_of_the_table(call, shared_data):
    product = next((shared_data / "s1-safe-metadata").glob("S1A*20230904*.zip"))
    cells = table_cells(call("describe", product)[0])
    document = json.loads(call("describe", product, "--json")[0])
    rows = document["rows"]
    assert [row["burst"] for row in rows] == [line[0] for line in cells if line[0].startswith("T052-")]
    assert rows[0]["first_line"].startswith("2023-09-04T")
    assert document["facts"]["start"] <= rows[0]["first_line"] <= document["facts"]["stop"]


def test_the_doctor_as_json_says_what_its_tables_say(call):
    text, _ = call("doctor")
    rows = json.loads(call("doctor", "--json")[0])["rows"]
    shown = {(name, value) for name, value in table_cells(text) if name}
    assert {
        (row["name"], row["value"]) for row in rows if "\n" not in row["value"] and len(row["value"]) < 150
    } <= shown
    assert [row["missing"] for row in rows] == [row["value"].startswith("missing") for row in rows]
    assert {"versions", "processors", "GPU", "drivers of GDAL", "geoid grids of PROJ", "extras"} <= {
        row["subject"] for row in rows
    }


def test_no_value_of_the_doctor_is_cut_on_a_narrow_terminal(call, columns, monkeypatch, tmp_path):
    from m3leo_sar.grid import geoid

    folder = tmp_path / ("long" * 30)
    monkeypatch.setattr(geoid, "proj_folders", lambda: [str(folder)])
    columns(60)
    text, _ = call("doctor")
    assert "…" not in text
    assert str(folder) in "".join(line[1] for line in table_cells(text))


def test_tiles_splits_and_checks_as_json(call, inputs):
    grid = json.loads(call("tiles", "tiles.geojson", "--aoi", "9,49.9,9.2,50.05", "--json")[0])
    assert len(grid["rows"]) == grid["facts"]["tiles"] > 3
    written = json.loads((inputs / "tiles.geojson").read_text())["features"]
    assert [row["identifier"] for row in grid["rows"]] == [item["properties"]["identifier"] for item in written]
    west, south, east, north = grid["rows"][0]["bounds"]
    assert (west < east, south < north) == (True, True)
    split = json.loads(call("split", "chips", "splits.csv", "--by", "order", "--json")[0])["facts"]["splits"]
    assert split == {"train": 1, "val": 1, "test": 1}
    whole = json.loads(call("verify", "chips", "--json")[0])
    assert (whole["facts"]["damaged"], whole["rows"]) == (0, [])
    stats = json.loads(call("stats", "chips", "stats.json", "--json")[0])
    assert stats["rows"][0]["chips"] == 3
    assert stats["facts"]["digest"] in call("stats", "chips", "stats.json")[0]


def test_damage_is_in_the_document_and_in_the_exit_code(call, inputs, tmp_path):
    import shutil

    shutil.copytree(inputs / "chips", tmp_path / "chips")
    chip = next((tmp_path / "chips").rglob("*.tif"))
    chip.write_bytes(chip.read_bytes()[:700])
    out, _ = call("verify", tmp_path / "chips", "--json", code=1)
    (row,) = json.loads(out)["rows"]
    assert row["file"] == str(chip)
    assert f"{row['file']}: {row['fault']}" in call("verify", tmp_path / "chips", code=1)[0]


def test_a_run_and_its_plan_as_json(call, tmp_path):
    words = ("prepare", "stack", tmp_path / "chips", "--lattice", "exact", "--minimum-coverage", "0.01")
    plan = json.loads(call(*words, "--dry-run", "--json")[0])["facts"]
    assert plan["chips"]["coherence"] == PAIRS * plan["incomplete"]
    out, errors = call(*words, "--json")
    made = json.loads(out)["facts"]
    assert made["computed"]["coherence"] == plan["chips"]["coherence"]
    assert "next:" not in errors
    again = json.loads(call(*words, "--json")[0])["facts"]
    assert (again["computed"], again["present"]) == ({}, sum(made["computed"].values()))


def test_quiet_prints_lists_and_errors_only(call, tmp_path):
    words = ("prepare", "stack", tmp_path / "chips", "--lattice", "exact", "--minimum-coverage", "0.01")
    assert call(*words, "-q") == ("", "")
    assert call("-q", *words) == ("", "")
    text, errors = call("pairs", "stack", "--quiet")
    assert (len(table_cells(text)), errors) == (PAIRS, "")
    assert "all connected" not in text
    _, errors = call("pairs", "gone", "-q", code=1)
    assert errors == "m3leo-sar: there is no file or folder gone\n"
    _, errors = call("pairs", "stack", "-q", "-v", code=1)
    assert "--quiet and --verbose exclude each other" in errors


def test_verbose_adds_versions_inputs_and_times(call):
    out, errors = call("pairs", "stack", "-v")
    assert re.search(r"^\d\d:\d\d:\d\d m3leo-sar .*, numpy .* CPUs, OMP_NUM_THREADS", errors)
    assert "opened " in errors
    assert re.search(r"pairs took \d+\.\d s", errors)
    assert call("pairs", "stack")[0] == out


def test_a_run_says_what_to_type_next(call, tmp_path):
    words = ("prepare", "stack", tmp_path / "a b", "--lattice", "exact", "--minimum-coverage", "0.01")
    assert f"next: m3leo-sar plot '{tmp_path / 'a b'}' tile.png\n" in call(*words)[1]
    assert "next: m3leo-sar prepare stack chips --dry-run" in call("pairs", "stack")[1]


def test_output_that_is_piped_has_no_colour(call):
    for words in (["pairs", "stack"], ["prepare", "--help"], ["describe", "chips"]):
        assert "\x1b" not in "".join(call(*words))
    assert "\x1b" not in call("prepare", code=2)[1]


def test_the_options_of_prepare_are_in_groups(call):
    text, _ = call("prepare", "--help")
    titles = re.findall(r"^╭─ (.*?) ─", text, re.MULTILINE)
    assert titles == [
        "Arguments",
        "Options",
        "Where: area and tiles",
        "What: dates and pairs",
        "What: products",
        "From which images of the stack",
        "How: form of the archive, and what of it to make",
        "Machine",
        "Messages",
    ]
    alone = text[text.index("╭─ Options") : text.index("╭─ Where")]
    assert re.findall(r"--[a-z]+", alone) == ["--help"]
    assert "W,S,E,N" in text


@pytest.fixture
def complete(call, monkeypatch):
    """Completions of a line by a shell; the last word is the one that was begun."""

    def run(line, shell="bash"):
        words = line.split(" ")
        with monkeypatch.context() as patch:
            patch.setenv("_M3LEO_SAR_COMPLETE", f"complete_{shell}")
            patch.setenv("COMP_WORDS", line)
            patch.setenv("COMP_CWORD", str(len(words) - 1))
            patch.setenv("_TYPER_COMPLETE_ARGS", line)
            patch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
            return call()[0]

    return run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_values(complete, shell):
    assert "coregister" in complete("m3leo-sar core", shell)
    options = complete("m3leo-sar prepare stack chips --min", shell)
    assert ("--minimum-coverage" in options, "--min-valid" in options, "--workers" in options) == (True, True, False)
    assert "legacy" in complete("m3leo-sar prepare stack chips --lattice le", shell)
    assert "20230301_20230325" in complete("m3leo-sar pairs stack --pair 20230301", shell)


def test_values_are_completed_by_the_names_of_files(complete, inputs):
    pairs = complete("m3leo-sar prepare stack chips --pair 2023031").split()
    assert pairs == ["20230313_20230325"]
    assert complete("m3leo-sar pairs stack --season fall --pair ").split() == [
        "20230301_20230313",
        "20230301_20230325",
        "20230313_20230325",
    ]
    tiles = ChipArchive(inputs / "chips").identifiers
    assert complete("m3leo-sar plot chips a.png --tile ").split() == sorted(tiles)
    assert complete("m3leo-sar tiles a.geojson --aoi con").split() == ["conus"]
    assert complete("m3leo-sar pairs gone --pair ").split() == []


@pytest.mark.parametrize(
    ("shell", "words"), [("bash", "complete -o default"), ("zsh", "compdef"), ("fish", "--command")]
)
def test_the_script_of_each_shell_is_shown(call, monkeypatch, shell, words):
    import typer.completion

    monkeypatch.setattr(typer.completion, "_get_shell_name", lambda: shell)
    text, _ = call("--show-completion")
    assert words in text
    assert "_M3LEO_SAR_COMPLETE" in text


def test_dates_of_names(tmp_path):
    for name in (
        "S1A_IW_SLC__1SDV_20230904T063731_20230904T063758_050180_060A3E.zip",
        "t087_2023-09-16",
        "notes_123456789",
    ):
        (tmp_path / name).mkdir()
    assert file_dates(tmp_path) == ["20230904", "20230916"]
    assert file_dates(tmp_path / "gone") == []
    stacks = tmp_path / "t087_2023-09-16" / "stacks"
    (stacks / "T052-110431-IW1-VV" / "20230301").mkdir(parents=True)
    assert file_dates(stacks) == ["20230301"]


def test_reasons_say_how_many_more_there_are(capfd):
    reasons = {str(number): f"line {number} is damaged" for number in range(5)}
    assert reason_lines("failed", reasons)[-1] == "failed: and 2 more"
    assert reason_lines("failed", dict.fromkeys("abc", "no data")) == ["failed: a and 2 more: no data"]
    with speaking(quiet=True):
        show(CommandResult(failed=reasons, following=[("m3leo-sar", "x")]))
    assert capfd.readouterr().err.splitlines()[3] == "failed: and 2 more"
