#!/bin/sh
# Tests and benchmarks of the GPU kernels on a machine with an NVIDIA GPU, in one command of at most 8 minutes:
#
#     benchmarks/gpu.sh [--dry-run] [FOLDER]
#
# FOLDER (build/gpu) receives gpu.md, tables for RESULTS.md, and a log per part. Each part has its own time limit and goes on
# when another has failed; the exit status is that of the worst. --dry-run takes every part that needs no GPU on tiny sizes.
#
# PYTHON names the interpreter (python3). Packages that it lacks are installed into FOLDER/site: from the wheels in the folder
# that WHEELS names (.whl, where there is one), or else from the package registry.
set -u
cd "$(dirname "$0")/.." || exit 2

dry=
if [ "${1-}" = --dry-run ]; then
  dry=1
  shift
fi
case ${1-} in
  -*) echo "usage: benchmarks/gpu.sh [--dry-run] [FOLDER]" >&2 && exit 2 ;;
esac
folder=${1:-build/gpu}
mkdir -p "$folder/site" || exit 2
folder=$(cd "$folder" && pwd)
python=${PYTHON:-python3}
limit=480
started=$(date +%s)
worst=0
report=$folder/gpu.md
export PYTHONPATH="$folder/site:$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

# part NAME SECONDS COMMAND...: runs it within its share of what is left, keeps its output, says how it ended.
part() {
  name=$1
  seconds=$2
  shift 2
  left=$((limit - $(date +%s) + started))
  if [ "$left" -lt 5 ]; then
    echo "$name: not run, no time is left" | tee -a "$report"
    worst=1
    return
  fi
  [ "$seconds" -gt "$left" ] && seconds=$left
  before=$(date +%s)
  timeout -k 5 "$seconds" "$@" >"$folder/$name.log" 2>&1
  status=$?
  took=$(($(date +%s) - before))
  case $status in
    0) ended="done" ;;
    124 | 137) ended="stopped after $seconds s" ;;
    *) ended="failed with status $status" ;;
  esac
  echo "$name: $ended, $took s"
  {
    printf '\n### %s: %s, %s s\n\n' "$name" "$ended" "$took"
    tail -n "${lines:-60}" "$folder/$name.log"
  } >>"$report"
  [ "$status" -ne 0 ] && worst=1
  return 0
}

# Packages by the name of a module and of what installs it.
install_missing() {
  from=
  [ -d .whl ] && wheels=${WHEELS-.whl} || wheels=${WHEELS-}
  [ -n "$wheels" ] && from="--no-index --find-links $wheels"
  for pair in numpy:numpy scipy:scipy affine:affine attr:attrs pyproj:pyproj certifi:certifi \
    shapely:shapely setuptools:setuptools Cython:cython iniconfig:iniconfig packaging:packaging pluggy:pluggy pygments:pygments \
    pytest:pytest sortedcontainers:sortedcontainers hypothesis:hypothesis; do
    module=${pair%%:*}
    "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$module') is None)" && continue
    # What lies in FOLDER/site comes first on the path, so nothing that the machine has is installed again beside it.
    # shellcheck disable=SC2086  # several words on purpose
    timeout 60 "$python" -m pip install --quiet --no-compile --no-deps --target "$folder/site" $from "${pair#*:}" ||
      echo "${pair#*:} could not be installed"
  done
  # These bring libraries of CUDA with them.
  "$python" -c 'import cupy' || timeout 120 "$python" -m pip install --quiet --target "$folder/site" 'cupy-cuda13x[ctk]'
  "$python" -c 'import torch' || echo "without torch there is no training"
  return 0
}

set_up() {
  install_missing
  "$python" setup.py -q build_ext --inplace
}

# A part is a command, so the set-up is run by a shell that reads its functions from here.
if [ "${M3LEO_GPU_PART-}" = set_up ]; then
  set_up
  exit
fi
echo "# GPU, $(date -u +%Y-%m-%d)" >"$report"
lines=20 part machine 20 sh -c 'nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv; nproc; uname -r'
if [ -z "$dry" ]; then
  lines=20 part set-up 170 env M3LEO_GPU_PART=set_up sh benchmarks/gpu.sh "$folder"
  tests="tests/insar tests/warp tests/chips tests/learn/data tests/test_backends.py tests/products"
  # shellcheck disable=SC2086  # several paths on purpose
  part tests 150 "$python" -m pytest -q -m "" -k "gpu and not simt" -o addopts=--import-mode=importlib \
    --continue-on-collection-errors -p no:cacheprovider $tests
  part kernels 70 "$python" benchmarks/gpu_kernels.py
  part way 40 "$python" benchmarks/gpu_way.py
  part training 60 "$python" benchmarks/gpu_train.py
  part loader 40 "$python" benchmarks/loader.py --index-tiles 1000
else
  part way 60 "$python" benchmarks/gpu_way.py --device cpu --tiles 2 --dates 3 --pixels 48
  part emulated-way 60 "$python" benchmarks/gpu_way.py --device simt --tiles 2 --dates 3 --pixels 48
  part training 90 "$python" benchmarks/gpu_train.py --device cpu --pixels 32 --batch 2 --steps 2
fi
echo "report: $report, $(($(date +%s) - started)) s"
exit "$worst"
