# Runs the tests of the Python package on this build's library, in a virtual environment of its own.
# usage: tests/python.sh PYTHON BUILD LIBRARY [SANITIZER'S RUNTIME]; 77 (skipped) where packages cannot be had.
set -eu
python=$1 build=$2 library=$3 runtime=${4-}
venv=$build/python-venv
if ! [ -x "$venv/bin/mypy" ]; then
    "$python" -m venv "$venv" > /dev/null 2>&1 || { echo "skipped: no venv"; exit 77; }
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check cffi numpy tqdm pytest mypy \
        nbclient nbformat ipykernel matplotlib ||
        { rm -rf "$venv"; echo "skipped: the packages cannot be installed"; exit 77; }
fi
export PARALLM_LIBRARY=$library PYTHONPATH=$PWD/python PYTHONDONTWRITEBYTECODE=1
if [ -n "$runtime" ]; then # the interpreter itself leaves memory behind
    export LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0:halt_on_error=1
fi
exec "$venv/bin/python" -X faulthandler -m pytest -q -p no:cacheprovider python/tests
