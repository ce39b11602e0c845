#!/usr/bin/env bash
# h5py 3.16.0 (HDF5 2.0.0): the address of one chunk costs far more reads than the chunk. `get_chunk_info_by_coord` passes
# over the chunks in the order of the index until it meets the one that was asked for, so in a file of the earliest
# format (which most SAR products have) it reads the index from its beginning, where reading the chunk itself descends
# the tree. Over a network, each read is a request: an index of addresses is better built by reading the tree oneself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check h5py==3.16.0 numpy==2.4.6
cat >"$work/show.py" <<'PY'
import io

import h5py
import numpy as np


class Counted(io.BytesIO):
    """A file that counts its reads."""

    reads = size = 0

    def readinto(self, buffer):
        self.reads, self.size = self.reads + 1, self.size + len(buffer)
        return super().readinto(buffer)


def file_of(format):
    with io.BytesIO() as out:
        with h5py.File(out, "w", libver=format) as file:
            noise = np.random.default_rng(0).standard_normal((2048, 2048)).astype("complex64")
            file.create_dataset("VV", data=noise, chunks=(16, 16), compression="gzip", compression_opts=1)
        return out.getvalue()


def reads_of(content, ask):
    """Reads and bytes of one question to a file that has just been opened."""
    counted = Counted(content)
    with h5py.File(counted) as file:
        data = file["VV"]
        counted.reads = counted.size = 0
        ask(data)
    return counted.reads, counted.size


print("h5py", h5py.__version__, "HDF5", h5py.version.hdf5_version)
found = {}
for format in ("earliest", "latest"):
    content = file_of(format)
    for name, ask in {
        "pixels of the chunk in the middle": lambda data: data[1024:1040, 1024:1040],
        "address of the chunk in the middle": lambda data: data.id.get_chunk_info_by_coord((1024, 1024)),
        "address of the first chunk": lambda data: data.id.get_chunk_info_by_coord((0, 0)),
    }.items():
        found[format, name] = reads_of(content, ask)
        print(f"{format:8} {name:36} {found[format, name][0]:4} reads, {found[format, name][1]:7} bytes")
pixels, middle, first = (found["earliest", name][0] for name in (
    "pixels of the chunk in the middle", "address of the chunk in the middle", "address of the first chunk"))
assert pixels <= 8, "the pixels take more reads now"
assert middle > 20 * pixels, "the address is found without a walk now"
assert first < middle / 10, "the walk does not begin at the first chunk any more"
PY
"$work/env/bin/python" "$work/show.py"
