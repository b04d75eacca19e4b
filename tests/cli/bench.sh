# The shape of what bench prints; never its numbers.
. tests/cli/check.sh

run 0 "$PARALLM" bench $tiny --parallel 1,3 --prompt-tokens 8 --gen-tokens 4 --repeat 2 --json --plot "$work/plot.svg"
python3 - "$work/out" "$work/plot.svg" <<'PYTHON' || failed "bench prints something else"
import json, sys, xml.dom.minidom
result = json.loads(open(sys.argv[1]).read())
assert [r["parallel"] for r in result["results"]] == [1, 3]
assert all(r[k] > 0 for r in result["results"] for k in ("prefill_tokens_per_second", "decode_tokens_per_second"))
xml.dom.minidom.parse(sys.argv[2])
PYTHON
run 0 "$PARALLM" bench $tiny_hf --quantize q4_0 --parallel 1 --prompt-tokens 8 --gen-tokens 2 --repeat 1
says out "^$tiny_hf, q4_0, "
run 2 "$PARALLM" bench $tiny --prompt-tokens 100000 && one_error '--prompt-tokens: is 100000, with --gen-tokens 32, wanted at most '
run 5 "$PARALLM" bench $tiny --parallel 1 --plot "$work/no/such.svg" && one_error "$work/no/such.svg: No such file" && counts 0
run 2 "$PARALLM" bench $tiny --parallel 1,x && one_error '--parallel: is "1,x", wanted '

# On a terminal it says what it is at.
run 0 terminal "$PARALLM" bench $tiny --parallel 2 --prompt-tokens 8 --gen-tokens 4 --repeat 1
says out 'measuring what this machine can do' && says out '2 sequences, run 1 of 1'
run 0 terminal "$PARALLM" bench $tiny --parallel 2 --prompt-tokens 8 --gen-tokens 4 --repeat 1 --quiet
! grep -q measuring "$work/out" || failed "--quiet says what it is at"
finish
