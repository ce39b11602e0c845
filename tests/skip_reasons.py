"""Why a test may be skipped. Any other reason fails the test, so that nothing is left out unseen."""

from __future__ import annotations

import re
from typing import Any

#: What a machine may lack, and the tests that have nothing to do on it. Each is a regular expression.
EXPECTED = (
    r"there is no CUDA device",
    r"there is a GPU",
    r"is what the device is compared with",
    r"CuPy is not installed",
    r"NVRTC cannot be loaded: .*",
    r"the emulation is not built \(M3LEO_SIMT=1\)",
    r"there is no [\w+-]+",  # a compiler
    r"the real data are not beside the repository \(\.\./shared/data\)",
    r"real data [\w-]+ is not at \.\./shared/data",
    r"this pyogrio carries no countries",
    r"mounting a small file system needs rights that are not there",
    r"no server can listen here: .*",
    # Packages that no extra of the tests brings, for their licence or their size.
    r"could not import 'snaphu'.*",
    r"could not import 'stac_geoparquet.arrow'.*",
    r"umap-learn is not installed",
    # It needs a torchvision built like torch, which the package index may not have for CPUs.
    r"timm is not installed, or its torchvision does not fit torch",
    r"pystac is not installed",
    r"POT is not installed",
    # Built against the GDAL of the system, which few machines have.
    r"osgeo \(python3-gdal\) is not installed",
)


def is_expected(reason: str) -> bool:
    """Whether a test may be skipped for this reason."""
    return any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in EXPECTED)


def hold_to_the_list(report: Any) -> None:
    """Turn the report of a skipped test, or of a skipped test file, into a failure unless its reason is listed."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if not is_expected(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped for a reason that tests/skip_reasons.py does not list: {reason}"
