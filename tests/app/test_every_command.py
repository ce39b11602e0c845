"""Every command with every kind of input: a sentence and exit code 1 or 2 where it does not fit, never a traceback."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
from production import write_dates

from m3leo_sar import TileGrid
from m3leo_sar.app.command import main
from m3leo_sar.io.chips.archive import ChipArchive

#: Commands with the input in place of IN and a free path in place of OUT.
COMMANDS = {
    "pairs": ["pairs", "IN"],
    "prepare": ["prepare", "IN", "OUT"],
    "prepare into": ["prepare", "STACK", "IN", "--dry-run", "--lattice", "exact", "--minimum-coverage", "0.01"],
    "prepare tiles": ["prepare", "STACK", "OUT", "--tiles", "IN"],
    "prepare aoi": ["prepare", "STACK", "OUT", "--aoi", "IN"],
    "slc-tiles": ["slc-tiles", "IN", "OUT"],
    "coregister": ["coregister", "IN", "OUT", "--orbits", "IN", "--dem", "IN"],
    "slc-tiles into": ["slc-tiles", "STACK", "IN", "--lattice", "exact", "--minimum-coverage", "0.01"],
    "retile": ["retile", "IN", "OUT", "--dataset", "x", "--aoi", "9,49.9,9.2,50.05", "--resampling", "bilinear"],
    "retile into": ["retile", "CHIP", "IN", "--dataset", "x", "--resampling", "bilinear"],
    "tiles": ["tiles", "OUT.geojson", "--stack", "IN"],
    "split": ["split", "IN", "OUT.csv"],
    "verify": ["verify", "IN"],
    "index": ["index", "IN"],
    "compact": ["compact", "IN"],
    "upgrade": ["upgrade", "IN"],
    "export": ["export", "IN", "OUT"],
    "import": ["import", "IN", "OUT"],
    "stats": ["stats", "IN", "OUT.json"],
    "stats splits": ["stats", "ARCHIVE", "OUT.json", "--splits", "IN"],
    "describe": ["describe", "IN"],
    "plot": ["plot", "IN", "OUT.png"],
    "plot map": ["plot", "IN", "OUT.svg", "--map"],
    "report": ["report", "IN", "OUT.html"],
    "train": ["train", "IN", "epochs=1"],
    "train config": ["train", "--config", "IN"],
    "shift": ["shift", "IN", "IN", "--labels", "landcover", "--output", "OUT"],
    "bench": ["bench", "OUT", "--protocol", "IN"],
}
#: Kinds of input; those that are sound for a command are in SOUND.
KINDS = ("missing", "empty", "text", "other", "csv", "stac", "chip", "archive", "stack", "broken")
#: Command to the kinds with which it succeeds.
SOUND = {
    "pairs": {"stack"},
    "prepare": set(),
    "coregister": set(),
    "prepare into": {"missing", "empty", "archive"},
    "slc-tiles into": {"missing", "empty"},
    "retile": {"chip"},
    "retile into": {"archive"},
    "split": set(),
    "verify": {"archive"},
    "index": {"archive"},
    "compact": {"archive"},
    "upgrade": {"archive", "stack"},
    "export": {"archive"},
    "stats": {"archive"},
    "describe": {"chip", "stack", "archive"},
    "plot": {"archive"},
    "plot map": {"archive"},
    "report": {"archive"},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A path of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "empty").mkdir()
    (folder / "text").write_text("nothing of use\n")
    (folder / "other").mkdir()
    (folder / "other" / "letter.txt").write_text("dear all")
    (folder / "kind.csv").write_text("path,date\ngone.tif,20230301\n")
    item = {"id": "a", "properties": {"datetime": None}, "assets": {"vv": {"href": "gone.tif"}}}
    (folder / "kind.json").write_text(json.dumps({"features": [item]}))
    write_dates(folder / "stack", 2)
    shutil.copytree(folder / "stack", folder / "broken")
    (folder / "broken" / "zarr.json").write_text('{"zarr_format": 3')
    grid = TileGrid.legacy((9.0, 49.9, 9.2, 50.05), pixels=32)
    archive = ChipArchive.create(folder / "archive", grid="legacy")
    rng = np.random.default_rng(5)
    for tile in list(grid)[:3]:
        facts = {"product": "coherence", "key": "20230301_20230313", "polarisation": "VV", "unit": "1"}
        plane = rng.random((32, 32)).astype("f4")
        archive.write(tile.identifier, "coherence", facts["key"], plane, tile.geobox, metadata=facts)
    chip = archive.path(grid[0].identifier, "coherence", "20230301_20230313")
    shutil.copy(chip, folder / "chip.tif")
    names = {"csv": "kind.csv", "stac": "kind.json", "chip": "chip.tif"}
    return {kind: folder / names.get(kind, kind) for kind in KINDS}


def call(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["m3leo-sar", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, errors = capfd.readouterr()
    return ended.value.code, out, errors


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_or_refuses_every_kind(inputs, tmp_path, monkeypatch, capfd, name, kind):
    given = inputs[kind]
    if name.endswith("into") or name in ("index", "verify", "compact", "upgrade"):
        # These write where they are pointed to.
        given = tmp_path / f"in{inputs[kind].suffix}"
        if inputs[kind].is_dir():
            shutil.copytree(inputs[kind], given)
        elif inputs[kind].exists():
            shutil.copy(inputs[kind], given)
    places = {"IN": given, "STACK": inputs["stack"], "CHIP": inputs["chip"], "ARCHIVE": inputs["archive"]}
    arguments = [
        tmp_path / word.replace("OUT", "out") if word.startswith("OUT") else places.get(word, word)
        for word in COMMANDS[name]
    ]
    monkeypatch.chdir(tmp_path)
    code, out, errors = call(monkeypatch, capfd, *arguments)
    if kind in SOUND.get(name, ()):
        assert code == 0, out + errors
        return
    assert code in (1, 2), out + errors
    sentences = [line for line in errors.splitlines() if line.startswith("m3leo-sar: ")]
    assert len(sentences) == 1 or "Usage" in errors, out + errors
    assert "Traceback" not in errors
    assert len(errors) < 1200, errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "ARCHIVE", "OUT", "--format", "png"], "--format must be one of"),
        (["prepare", "STACK", "OUT", "--pairs", "best"], "--pairs must be one of"),
        (["stats", "ARCHIVE", "OUT.json", "--rule", "best"], "--rule must be one of"),
        (["prepare", "STACK", "OUT"], "(--lattice exact)"),
        (["prepare", "STACK", "OUT", "--lattice", "exact"], "a lower --minimum-coverage keeps"),
        (["plot", "ARCHIVE", "OUT.png", "--tile", "zzz"], "--tile zzz is not among the 3 tiles"),
        (["retile", "CHIP", "OUT", "--dataset", "x"], "holds no tile yet: give --tiles or --aoi"),
        (["split", "ARCHIVE", "OUT.csv", "--fractions", "a"], "--fractions must be three numbers"),
        (["tiles", "OUT.geojson"], "give --aoi, --stack, or both"),
    ],
)
def test_errors_name_options(inputs, tmp_path, monkeypatch, capfd, arguments, message):
    places = {"STACK": inputs["stack"], "CHIP": inputs["chip"], "ARCHIVE": inputs["archive"]}
    words = [tmp_path / word if word.startswith("OUT") else places.get(word, word) for word in arguments]
    code, _, errors = call(monkeypatch, capfd, *words)
    assert code == 1
    assert message in errors


def test_version_and_short_help(monkeypatch, capfd):
    code, out, _ = call(monkeypatch, capfd, "--version")
    assert (code, out.split()[0]) == (0, "m3leo-sar")
    assert "\nGDAL of rasterio 3." in out
    assert call(monkeypatch, capfd, "prepare", "-h")[1].count("Usage") == 1


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("typer", ["pairs", "x"], "m3leo-sar[app]"),
        ("matplotlib", ["plot", "ARCHIVE", "x.png"], "m3leo-sar[app]"),
    ],
)
def test_a_missing_package_names_the_extra(inputs, tmp_path, module, arguments, extra):
    import subprocess

    code = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from m3leo_sar.app.command import main; main()"
    )
    words = [str(inputs["archive"]) if word == "ARCHIVE" else word for word in arguments]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"m3leo-sar: {module} is not installed: install it with pip install '{extra}'")
    assert len(done.stderr.splitlines()) == 1


def test_without_torch_training_names_its_extra_and_pictures_are_drawn(inputs, tmp_path):
    import subprocess

    archive = str(inputs["archive"])
    calls = (["plot", archive, "a.png"], ["plot", archive, "b.svg", "--map"], ["report", archive, "c.html"])
    # One process for all of them, as each takes seconds to load matplotlib.
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom m3leo_sar.app.command import main\n"
        f"for words in {(*calls, ['train', archive])!r}:\n"
        "    sys.argv = ['m3leo-sar', *words]\n"
        "    try:\n        main()\n"
        "    except SystemExit as ended:\n        print('code', ended.code or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    codes = [line for line in done.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["code 0", "code 0", "code 0", "code 1"], done.stderr
    assert "m3leo-sar: torch is not installed: install it with pip install 'm3leo-sar[train]'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.svg", "c.html"]
