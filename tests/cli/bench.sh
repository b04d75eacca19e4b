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
says out "^$tiny_hf, q4_0, " && says out '^ sequences  prefill t/s  of limit '
run 2 "$PARALLM" bench $tiny --prompt-tokens 100000 && one_error '--prompt-tokens: is 100000, with --gen-tokens 32, wanted at most '
run 2 "$PARALLM" bench $tiny --parallel 1,x && one_error '--parallel: is "1,x", wanted '
run 2 "$PARALLM" bench $tiny --parallel 20000 && one_error '--parallel: is "20000", wanted .* from 1 to 16384'
cp $tiny "$work/tiny.gguf"
run 2 "$PARALLM" bench "$work/tiny.gguf" --plot "$work/tiny.gguf" && one_error "$work/tiny.gguf: is the model"
cmp -s $tiny "$work/tiny.gguf" || failed "the model was drawn over"

# What can be known before the machine is measured is said before: on a terminal, nothing else is.
refused() { # refused CODE WORDS OPTION...
    local code=$1 words=$2
    shift 2
    run "$code" terminal "$PARALLM" bench "$@"
    says out "^parallm: $words"
    ! grep -q measuring "$work/out" || failed "bench $*: measures the machine first"
}
refused 3 "$work/missing: " "$work/missing"
refused 2 '--prompt-tokens: is 100000, ' $tiny --prompt-tokens 100000
refused 5 "$work: Is a directory" $tiny --plot "$work"
refused 5 "$work/no/such.svg: No such file" $tiny --plot "$work/no/such.svg"
refused 2 '--max-model-len: is 100000, ' $tiny --max-model-len 100000
refused 4 'KV cache: ' $tiny --kv-cache-memory 10

# An answer that ended in an error, or before its time, is none to make a figure of.
cp -r $tiny_hf "$work/broken"
python3 - "$work/broken/model.safetensors" <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n, = struct.unpack_from("<Q", data)
begin, end = json.loads(data[8:8 + n])["model.norm.weight"]["data_offsets"]
data[8 + n + begin:8 + n + end] = struct.pack("<f", float("nan")) * ((end - begin) // 4)
open(sys.argv[1], "wb").write(data)
PYTHON
run 3 "$PARALLM" bench "$work/broken" --parallel 2 --prompt-tokens 8 --gen-tokens 4 --repeat 1
one_error "$work/broken: " && says out '^ sequences ' && counts 4
run 4 "$PARALLM" bench $tiny --parallel 1 --prompt-tokens 8 --gen-tokens 100 --repeat 1 --kv-cache-memory 3kB
says err '^parallm: KV cache: was full after [0-9]+ of 100 tokens of an answer'

# On a narrow terminal lines fit; what is measured before something fails is kept.
COLUMNS=40 run 0 terminal "$PARALLM" bench $tiny --parallel 1,2 --prompt-tokens 8 --gen-tokens 4 --repeat 1
tr -d '\r' < "$work/out" | sed $'s/.*\033\\[K//' > "$work/plain"
longest=$(awk '{ if (length > n) n = length } END { print n }' "$work/plain")
[ "$longest" -le 40 ] || failed "bench: a line has $longest characters, wanted at most 40"
says plain '^2 sequences$' && says plain '^  prefill +[0-9.]+ t/s  [0-9]+ % of limit$' && says plain '^  peak +[0-9.]+ MiB$'

# On a terminal it says what it is at.
run 0 terminal "$PARALLM" bench $tiny --parallel 2 --prompt-tokens 8 --gen-tokens 4 --repeat 1
says out 'measuring what this machine can do' && says out '2 sequences, run 1 of 1'
run 0 terminal "$PARALLM" bench $tiny --parallel 2 --prompt-tokens 8 --gen-tokens 4 --repeat 1 --quiet
! grep -q measuring "$work/out" || failed "--quiet says what it is at"
finish
