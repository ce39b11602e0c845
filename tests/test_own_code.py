"""Code of users: each template of examples/ works, found by its path, and mistakes say what is missing."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid, open_source, open_stack
from m3leo_sar._own_code import own_module
from m3leo_sar.app.command import main
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.run.retile import retile

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
BOX = GeoBox.from_bounds((500_000, 5_400_000, 510_000, 5_409_000), shape=(900, 1000), crs="EPSG:32631")


def example(name):
    return str(EXAMPLES / f"own_{name}.py")


@pytest.fixture
def stack_folder(tmp_path, rng):
    folder = tmp_path / "stack"
    folder.mkdir()
    for date in ("20230301", "20230313", "20230325"):
        np.save(folder / f"{date}.npy", rng.standard_normal((900, 1000, 2)).astype("f4").view("c8")[..., 0])
    (folder / "grid.json").write_text(json.dumps({"bounds": BOX.bounds, "crs": BOX.crs}))
    return folder


def command(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["m3leo-sar", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_a_reader_of_ones_own_serves_every_command(stack_folder, tmp_path, monkeypatch, capsys):
    stack = open_stack(stack_folder, reader=example("reader"))
    assert stack.shape == (3, 900, 1000)
    np.testing.assert_array_equal(
        stack.window(slice(5, 9), slice(3, 7))[1], np.load(stack_folder / "20230313.npy")[5:9, 3:7]
    )
    words = ["prepare", stack_folder, tmp_path / "chips", "--reader", example("reader"), "--lattice", "exact"]
    assert command(monkeypatch, *words, "--workers", "2", "--window", "3x5", "--pairs", "sequential") == 0
    made = capsys.readouterr().out
    assert "coherence" in made
    # One date changed: its pairs are stale, the other one is not.
    np.save(stack_folder / "20230325.npy", np.load(stack_folder / "20230325.npy") * 2)
    assert command(monkeypatch, *words, "--workers", "2", "--window", "3x5", "--pairs", "sequential") == 0
    archive = ChipArchive(tmp_path / "chips")
    tiles = len(archive.identifiers)
    assert f"computed {tiles} coherence" in " ".join(capsys.readouterr().out.split())
    assert command(monkeypatch, "pairs", stack_folder, "--reader", example("reader")) == 0


def test_a_folder_without_its_reader_is_refused_and_a_bad_reader_says_why(stack_folder, tmp_path):
    with pytest.raises(ValueError, match="is not a stack"):
        open_stack(stack_folder)
    with pytest.raises(FileNotFoundError, match="reader must be a file, and there is no none.py"):
        open_stack(stack_folder, reader="none.py")
    (tmp_path / "bad.py").write_text("x = 1")
    with pytest.raises(ValueError, match="reader must define open; .*bad.py has no open"):
        open_stack(stack_folder, reader=str(tmp_path / "bad.py"))
    (tmp_path / "odd.py").write_text("def open(path, **options): return 3")
    with pytest.raises(TypeError, match="must return an SlcStack, got int"):
        open_stack(stack_folder, reader=str(tmp_path / "odd.py"))


def test_a_source_and_a_rule_of_ones_own_make_chips(tmp_path, rng):
    values = rng.uniform(0, 40, (900, 1000)).astype(np.float32)
    np.savez(tmp_path / "slope.npz", values=values, bounds=BOX.bounds, crs=BOX.crs)
    source = open_source(tmp_path / "slope.npz", kind=example("source"))
    grid = TileGrid.exact((3.01, 48.76, 3.05, 48.79))
    archive = ChipArchive.create(tmp_path / "chips")
    assert retile(source, archive, list(grid), dataset="slope").done >= 1
    assert retile(source, archive, list(grid), dataset="spread", resampling=example("rule")).done >= 1
    tile = archive.identifiers[0]
    plain, spread = (archive.read(tile, name, "slope").array for name in ("slope", "spread"))
    assert plain.shape == spread.shape
    known = np.isfinite(plain) & np.isfinite(spread)
    assert known.any()
    assert (spread[known] >= -1e-4).all()


def test_a_rule_that_gives_another_shape_is_refused(tmp_path, rng):
    np.savez(tmp_path / "slope.npz", values=rng.uniform(0, 9, (900, 1000)), bounds=BOX.bounds, crs=BOX.crs)
    source = open_source(tmp_path / "slope.npz", kind=example("source"))
    (tmp_path / "small.py").write_text("def resample(plane, source, tile, *, band): return plane[:2, :2]")
    archive = ChipArchive.create(tmp_path / "chips")
    tiles = list(TileGrid.exact((3.01, 48.76, 3.03, 48.78)))
    found = retile(source, archive, tiles, dataset="slope", resampling=str(tmp_path / "small.py"))
    assert set(found.failed) == {tile.identifier for tile in tiles}
    assert "must give" in next(iter(found.failed.values()))


def test_an_estimator_of_ones_own(capsys):
    pytest.importorskip("numba", reason="numba is not installed")
    runpy.run_path(example("estimator"), run_name="__main__")
    left, right = (float(word) for word in capsys.readouterr().out.replace(",", "").split()[1::2])
    assert left == pytest.approx(1 / 3, abs=0.03)
    assert right == pytest.approx(2 / 3, abs=0.03)


def test_one_file_is_one_module(tmp_path):
    (tmp_path / "mine.py").write_text("class A: pass")
    first = own_module(str(tmp_path / "mine.py"), group="m3leo_sar.models", what="model")
    assert own_module(str(tmp_path / "mine.py"), group="m3leo_sar.models", what="model") is first
    (tmp_path / "broken.py").write_text("raise RuntimeError('no')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            own_module(str(tmp_path / "broken.py"), group="m3leo_sar.models", what="model")


def test_the_code_of_the_guide_and_a_template_per_row(capsys):
    pytest.importorskip("numba", reason="numba is not installed")
    guide = (EXAMPLES.parent / "docs" / "own-code.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    # A file of its own: Numba asks for the source of a function.
    names: dict[str, object] = {}
    for code in blocks:
        exec(compile(code, "own-code.md", "exec"), names)
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.*)", "".join(blocks))
    templates = set(re.findall(r"`(own_\w+\.py)`", guide))
    assert templates == {path.name for path in EXAMPLES.glob("own_*.py")}
