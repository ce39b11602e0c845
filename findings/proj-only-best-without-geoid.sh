#!/usr/bin/env bash
# pyproj 3.7.2 (PROJ 9.5.1): without the geoid grid, Transformer.from_crs(..., only_best=True) from EPSG:4326+5773
# (heights above EGM96) to EPSG:4979 (heights above the ellipsoid) raises nothing and returns the heights unchanged.
# Only allow_ballpark=False refuses. Over the North Sea the right shift is about 43 m.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check pyproj==3.7.2
cat >"$work/show.py" <<'PY'
import pyproj
from pyproj import Transformer, network

network.set_network_enabled(False)
print("pyproj", pyproj.__version__, "PROJ", pyproj.proj_version_str)
best = Transformer.from_crs("EPSG:4326+5773", "EPSG:4979", always_xy=True, only_best=True)
height = best.transform(5.0, 52.0, 100.0)[2]
print("only_best=True:", height)
assert height == 100.0, "heights are shifted or refused now"
try:
    strict = Transformer.from_crs("EPSG:4326+5773", "EPSG:4979", always_xy=True, allow_ballpark=False)
    value = strict.transform(5.0, 52.0, 100.0)[2]
    print("allow_ballpark=False:", value)
    assert value != 100.0, "allow_ballpark=False lets heights through unchanged"
except pyproj.exceptions.ProjError as error:
    print("allow_ballpark=False raises:", str(error).splitlines()[0][:120])
PY
"$work/env/bin/python" "$work/show.py"
