"""CPUs and memory that control groups leave to a process: files of both versions as Linux and containers write them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from m3leo_sar import _machine
from m3leo_sar._machine import available_cpus, memory_limit

#: A size that version 1 states where there is no limit.
NONE = 9223372036854771712


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 64 CPUs and 256 GiB; returns a function that writes its control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": 1 << 26, "SC_PAGE_SIZE": 4096}[name])
    mounted = tmp_path / "sys fs cgroup"

    def written(groups, mounts, files):
        """Lines of /proc/self/cgroup, (kind, root, folder, options) of the mounts, and files under the mounts."""
        (tmp_path / "cgroup").write_text("".join(f"{line}\n" for line in groups))
        lines = [
            f"{30 + number} 23 0:{number} {root} {str(mounted / folder).replace(' ', chr(92) + '040')} rw,relatime "
            f"shared:9 - {kind} {kind} rw,{options}\n"
            for number, (kind, root, folder, options) in enumerate(mounts)
        ]
        (tmp_path / "mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + "".join(lines))
        for name, text in files.items():
            (mounted / name).parent.mkdir(parents=True, exist_ok=True)
            (mounted / name).write_text(f"{text}\n")
        return tmp_path

    return written


def test_a_container_of_version_2_has_its_own_limits(machine):
    files = {"cpu.max": "250000 100000", "memory.max": 3 << 30, "memory.high": "max"}
    process = machine(["0::/"], [("cgroup2", "/", ".", "nsdelegate")], files)
    assert available_cpus(process) == 2
    assert memory_limit(process) == 3 << 30


def test_the_limits_of_ancestors_hold(machine):
    files = {
        "user.slice/cpu.max": "700000 100000",
        "user.slice/memory.max": 5 << 30,
        "user.slice/job/cpu.max": "max 100000",
        "user.slice/job/memory.max": "max",
        "user.slice/job/memory.high": 6 << 30,
        "other/cpu.max": "100000 100000",
    }
    process = machine(["0::/user.slice/job"], [("cgroup2", "/", ".", "rw")], files)
    assert available_cpus(process) == 7
    assert memory_limit(process) == 5 << 30


def test_controllers_of_version_1_have_places_of_their_own(machine):
    groups = ["9:name=systemd:/", "4:memory:/docker/abc", "3:cpuset:/", "2:cpu,cpuacct:/docker/abc", "0::/"]
    mounts = [
        ("cgroup", "/docker/abc", "cpu,cpuacct", "cpu,cpuacct"),
        ("cgroup", "/docker/abc", "memory", "memory"),
        ("cgroup2", "/", "unified", "rw"),
    ]
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": 350000,
        "cpu,cpuacct/cpu.cfs_period_us": 50000,
        "memory/memory.limit_in_bytes": 2 << 30,
    }
    process = machine(groups, mounts, files)
    assert available_cpus(process) == 7
    assert memory_limit(process) == 2 << 30


def test_version_1_without_limits_leaves_the_machine(machine):
    mounts = [("cgroup", "/", "cpu", "cpu"), ("cgroup", "/", "memory", "memory")]
    files = {
        "cpu/cpu.cfs_quota_us": -1,
        "cpu/cpu.cfs_period_us": 100000,
        "memory/a/memory.limit_in_bytes": NONE,
        "memory/memory.limit_in_bytes": NONE,
    }
    process = machine(["4:memory:/a", "1:cpu:/"], mounts, files)
    assert available_cpus(process) == 64
    assert memory_limit(process) == 256 << 30


def test_a_group_outside_of_what_is_mounted_counts_as_the_mount(machine):
    process = machine(["0::/../../pod"], [("cgroup2", "/", ".", "rw")], {"cpu.max": "100000 100000"})
    assert available_cpus(process) == 1


def test_a_share_of_a_cpu_is_one_and_affinity_may_be_smaller(machine, monkeypatch):
    process = machine(["0::/"], [("cgroup2", "/", ".", "rw")], {"cpu.max": "50000 100000"})
    assert available_cpus(process) == 1
    (process / "sys fs cgroup" / "cpu.max").write_text("400000 100000")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert available_cpus(process) == 3


def test_systems_without_control_groups_have_the_machine(tmp_path, machine):
    assert available_cpus(tmp_path / "absent") == 64
    assert memory_limit(tmp_path / "absent") == 256 << 30


def test_every_part_of_the_package_asks_here():
    root = os.path.dirname(_machine.__file__)
    command = ["grep", "-rlE", "cpu_count|sched_getaffinity|SC_PHYS_PAGES|psutil", root, "--include=*.py"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert found == [_machine.__file__]


OPENMP = """
import os, ctypes
before = dict(os.environ)
from m3leo_sar import _machine
_machine.available_cpus = lambda: 1
import m3leo_sar._ext
assert dict(os.environ) == before
get = ctypes.CDLL("libgomp.so.1").omp_get_max_threads
import threading
found = [get()]
thread = threading.Thread(target=lambda: found.append(get()))
thread.start(); thread.join()
print(found)
"""


@pytest.mark.parametrize(("asked", "expected"), [(None, "[1, 1]"), ("3", "[3, 3]")])
def test_kernels_take_as_many_threads_as_there_are_cpus(asked, expected):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    environment |= {"OMP_NUM_THREADS": asked} if asked else {}
    done = subprocess.run([sys.executable, "-c", OPENMP], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
