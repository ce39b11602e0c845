"""Damaged files get a built-in error and a sentence from every reader: no crash, no hang, no memory without end.

``M3LEO_FUZZ_SECONDS=600 pytest -m slow -s tests/io/test_fuzz.py`` fuzzes for ten minutes and prints its seed, by which
``M3LEO_FUZZ_SEED`` repeats it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import damage
import fuzz_readers
import pytest
import valid_files

HARNESS = Path(fuzz_readers.__file__)


def fuzz(folder: Path, names: list[str], *, start: int, examples: int, seconds: float) -> dict[str, list[str]]:
    """What was found in each reader, in words; a process that dies is begun again with the readers that are left."""
    found: dict[str, list[str]] = {name: [] for name in names}
    left = list(names)
    while left:
        (folder / "results.jsonl").unlink(missing_ok=True)
        command = [sys.executable, str(HARNESS), str(folder), str(start), str(examples), str(seconds), *left]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds + 600, check=False)
        lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
        begun = [line["begins"] for line in lines if "begins" in line]
        ended = [line for line in lines if "ends" in line]
        for line in ended:
            assert line["files"] > 0, f"no file was read by {line['ends']}"
            found[line["ends"]] += [
                f"{one['fault']} (file kept in {one['kept']})\n{one['trace']}" for one in line["found"]
            ]
        if done.returncode == 0:
            return found
        # The damaged file is still in its place, as nothing ran after it.
        name = begun[-1]
        kept = shutil.copytree(folder / name, folder / f"{name}-died", dirs_exist_ok=True)
        how = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
        found[name].append(f"the process died with {how} (file kept in {kept})\n{done.stderr[-4000:]}")
        left = left[left.index(name) + 1 :]
    return found


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return fuzz(tmp_path_factory.mktemp("fuzz"), list(valid_files.READERS), start=1, examples=8, seconds=60)


@pytest.mark.parametrize("name", valid_files.READERS)
def test_damaged_files_get_a_plain_error(findings: dict[str, list[str]], name: str) -> None:
    assert not findings[name], "\n\n".join(findings[name])


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_reader_for_as_long_as_is_asked(tmp_path: Path) -> None:
    seconds = float(os.environ.get("M3LEO_FUZZ_SECONDS", "60"))
    start = int(os.environ.get("M3LEO_FUZZ_SEED", random.SystemRandom().randrange(1 << 31)))
    print(f"M3LEO_FUZZ_SEED={start}")
    names = list(valid_files.READERS)
    found = fuzz(tmp_path, names, start=start, examples=10**9, seconds=seconds)
    faults = [f"{name}: {text}" for name, texts in found.items() for text in texts]
    assert not faults, f"seed {start}\n" + "\n\n".join(faults)


def test_the_harness_sees_what_it_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that misbehave on any file but the valid one."""
    bad = {
        "config": ("raise TypeError('not for users to see')", "TypeError at"),
        "statistics": ("bytes(1 << 34)", "MemoryError at"),
        "splits": ("import os; os.abort()", "the process died with SIGABRT"),
        "grouped": ("raise ValueError('short')", "ValueError at"),
    }
    wrapped = "".join(
        f"\n\ndef _{name}(path, valid=[]):\n    valid.append(path.read_bytes())\n"
        f"    if valid[-1] != valid[0]:\n        {body}\n\n\n"
        f"valid_files.READERS['{name}'] = (valid_files.READERS['{name}'][0], _{name})\n"
        for name, (body, _) in bad.items()
    )
    patched = tmp_path / "harness.py"
    patched.write_text(HARNESS.read_text().replace("import valid_files\n", f"import valid_files\n{wrapped}"))
    monkeypatch.setattr(sys.modules[__name__], "HARNESS", patched)
    monkeypatch.setenv("PYTHONPATH", str(Path(fuzz_readers.__file__).parent))
    results = fuzz(tmp_path, [*bad, "area-wkt"], start=1, examples=5, seconds=60)
    assert {name: texts[0].startswith(bad[name][1]) for name, texts in results.items() if texts} == dict.fromkeys(
        bad, True
    )
    assert results["area-wkt"] == []


def test_every_kind_of_damage_changes_a_file() -> None:
    content = b'{"one": 1, "two": [2.5, null, "three"]} and some more bytes to be damaged'
    for how in ("flip", "cut", "zero", "extreme", "copy", "swap", "drop", "insert", "word", "token", "empty"):
        changed = {damage.damaged(content, [(how, 3 << 21, 5 << 20, number << 12)]) for number in range(16)}
        assert changed - {content}, how
