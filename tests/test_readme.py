"""The README's code runs and prints what it says."""

import datetime
import re
import shlex
from pathlib import Path

import numpy as np
from typer.main import get_command

from m3leo_sar import GeoBox
from m3leo_sar.app.cli import app
from m3leo_sar.app.stack_commands import STACK_SIZE
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.products.placement import place_on
from m3leo_sar.run.choices import choose_tiles
from m3leo_sar.simulate.scene import simulate_scene

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_first_screen(capsys, tmp_path, monkeypatch):
    """Its six lines go from a stack to a tensor; its sentence has the words that people search for."""
    head = README[: README.index("New to SAR?")]
    for word in ("InSAR", "coherence", "interferogram", "Sentinel-1", "NISAR", "SLC", "M3LEO", "PyTorch", "GPU"):
        assert word in head.partition("![")[0]
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", head)[1]
    assert 10_000 < (ROOT / picture).stat().st_size < 500_000
    code = re.search(r"```python\n(.*?)```", head, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line]) == 6
    rows, cols = STACK_SIZE
    bounds = (680_000, 5_500_000, 680_000 + 10 * cols, 5_500_000 + 10 * rows)
    box = GeoBox.from_bounds(bounds, shape=(rows, cols), crs="EPSG:32631")
    days = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    write_stack(simulate_scene(box, dates=days).stack, tmp_path / "stack")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == "torch.Size([448, 448])\n"


def test_the_commands_without_data_have_these_options():
    line = re.search(r"Without any data.*?```sh\n(.*?)```", README, re.DOTALL)[1]
    words = [shlex.split(text, comments=True) for text in line.splitlines()]
    assert [command[1] for command in words] == ["simulate", "prepare", "split", "train"]
    group = get_command(app)
    for _, name, *arguments in words:
        command = group.get_command(None, name)
        with command.make_context(name, list(arguments)) as context:
            assert context.params


def test_the_stack_without_data_has_tiles_for_each_split():
    # The defaults of m3leo-sar simulate; no pixel is computed.
    rows, cols = STACK_SIZE
    bounds = (680_000, 5_500_000, 680_000 + 10 * cols, 5_500_000 + 10 * rows)
    box = GeoBox.from_bounds(bounds, shape=(rows, cols), crs="EPSG:32631")
    stack = simulate_scene(box, dates=[datetime.date(2023, 3, 1)]).stack
    whole = [tile for tile in choose_tiles(stack, lattice="exact") if not place_on(stack, tile, 0.5)[1]]
    assert len(whole) == 6


def test_linked_files_exist():
    root = Path(__file__).resolve().parents[1]
    for page in (root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").glob("*.md")):
        for link in re.findall(r"\[[^\]]*\]\(([^)]+)\)", page.read_text()):
            if not link.startswith("https://"):
                assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


def test_the_index_of_the_guides_names_each():
    docs = Path(__file__).resolve().parents[1] / "docs"
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (docs / "README.md").read_text()))
    # Pages that only lead to others on the site.
    lists = {"README.md", "index.md", "start.md", "guides.md", "background.md"}
    assert linked == {page.name for page in docs.glob("*.md")} - lists


def test_the_code_of_the_tiles_guide(capsys):
    guide = (Path(__file__).resolve().parents[1] / "docs" / "tiles.md").read_text()
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    reported = capsys.readouterr().out.splitlines()
    assert reported[:2] == ["True", "0"]
    assert reported[2].startswith("19N4480-")
    assert reported[3:] == ["True", "True True"]
    assert names["chip"].shape == (448, 448)
    assert not np.isnan(names["chip"]).all()
    assert set(np.unique(names["classes"])) == {0, 1, 2, 3, 4, 5}


def test_the_code_of_the_chips_guide(capsys):
    guide = (Path(__file__).resolve().parents[1] / "docs" / "chips.md").read_text()
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    reported = capsys.readouterr().out.splitlines()
    assert reported == ["(6, 448, 448) float32 True", "True", "(448, 448) VV", "True ['coherence']", "True"]
    np.testing.assert_allclose(names["back"][0][names["vv"] > 1e-3], names["vv"][names["vv"] > 1e-3], rtol=1e-4)


def test_the_code_of_the_interferogram_guide(capsys):
    guide = (Path(__file__).resolve().parents[1] / "docs" / "interferograms.md").read_text()
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    reported = capsys.readouterr().out.splitlines()
    assert reported[:3] == ["0.4 -1.3", "True", "True"]
    assert reported[3:] == ["57 True 28", "50 True 21", "29 True 0"]
    assert names["finer"].shape == (256, 256)


def test_the_code_of_the_coherence_guide(capsys):
    guide = (Path(__file__).resolve().parents[1] / "docs" / "coherence.md").read_text()
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    assert capsys.readouterr().out == "('coherence', 'phase', 'looks', 'power_reference', 'power_secondary')\n"
    assert names["looks"].shape == (60, 20)
    assert abs(names["corrected"] - 0.8) < 0.02
    assert abs(names["along"].mean() - names["full"].mean()) < 0.01


def test_the_code_of_the_words_guide(capsys):
    guide = (Path(__file__).resolve().parents[1] / "docs" / "words.md").read_text()
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, {})
    reported = capsys.readouterr().out.splitlines()
    assert reported[0] == "('pair', 'y', 'x') [12, 24]"
    assert reported[1] == "('y', 'x')"
    assert reported[2] == "['coherence', 'intensity', 'interferogram', 'looks', 'mask']"


def test_figures_are_those_of_the_results():
    measured = README[README.index("## Measured") : README.index("Reproduce with")]
    results = (Path(__file__).resolve().parents[1] / "benchmarks" / "RESULTS.md").read_text()
    number = r"\d+(?:\.\d+)?"
    # The names of things hold numbers too.
    words = r"m3leo\w*|complex\d+|sm_\d+|[\d-]{10}"
    figures = set(re.findall(number, re.sub(words, "", measured)))
    assert figures - set(re.findall(number, re.sub(words, "", results))) == set()
