"""No code comes out of a file or a configuration: read from the syntax of the package itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "m3leo_sar"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Modules that run code they find in data, or parse XML with all that it may ask for.
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "xml.sax", "xml.dom",
           "xml.dom.minidom", "lxml", "numpy.lib.npyio", "code", "codeop"}  # fmt: skip
#: Calls that do, wherever they are found; ``x.eval()`` of a network is none.
BUILTINS = {"eval", "exec", "compile", "__import__"}
#: XML is parsed in one place, which refuses document types.
XML_CALLS = {"fromstring", "parse", "iterparse", "XML", "XMLParser", "XMLPullParser", "ParserCreate"}
XML_ROOM = "plain_xml.py"


def faults(source: str, name: str = "a.py") -> list[str]:
    """What a text does that it may not."""
    found = []
    tree = ast.parse(source)
    uses = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names} & MODULES
            # The name of the error that torch.load raises is no danger.
            if {use for use in uses if use.startswith("pickle.")} == {"pickle.UnpicklingError"}:
                names -= {"pickle"}
            found += [f"imports {module}" for module in sorted(names)]
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found += [f"imports {module}" for module in whole if module in MODULES]
        elif isinstance(node, ast.Call):
            found += _call_faults(node, name)
    return found


def _call_faults(node: ast.Call, name: str) -> list[str]:
    called = ast.unparse(node.func)
    last = called.rpartition(".")[2]
    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
    checks = {
        f"calls {called}": called in BUILTINS
        or called in ("os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
        "allows pickle in np.load": given.get("allow_pickle", "False") != "False",
        "loads with torch other than weights": called == "torch.load" and given.get("weights_only") != "True",
        "runs a shell": given.get("shell", "False") != "False",
        "extracts an archive": last in ("extractall", "unpack_archive"),
        "parses XML by itself": name != XML_ROOM
        and last in XML_CALLS
        and ("ElementTree" in called or "expat" in called),
        "turns off a checkpoint's safety": "ALLOW_UNSAFE" in called
        or given.get("trust_remote_code", "False") != "False",
    }
    return [what for what, is_so in checks.items() if is_so]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_runs_what_it_reads(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8"), path.name) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "from xml.dom import minidom",
        "eval(text)",
        "exec(text)",
        "yaml.load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
        "tarfile.open(path).extractall(place)",
        "shutil.unpack_archive(path)",
        "ElementTree.fromstring(text)",
        "os.system(text)",
    ],
)
def test_the_walk_sees_what_is_forbidden(source: str) -> None:
    assert faults(source)


def test_the_walk_lets_through_what_is_not() -> None:
    fine = (
        "model.eval(); torch.load(path, weights_only=True); yaml.safe_load(text); np.load(path); re.compile(text)",
        "ast.literal_eval(text); json.loads(text); frame.eval('a')",
    )
    assert [faults(source) for source in fine] == [[], []]
    caught = "import pickle\ntry:\n    torch.load(path, weights_only=True)\nexcept pickle.UnpicklingError:\n    pass"
    assert faults(caught) == []
    assert faults(f"{caught}\npickle.load(file)") == ["imports pickle"]
    assert faults("ElementTree.fromstring(text)", XML_ROOM) == []
