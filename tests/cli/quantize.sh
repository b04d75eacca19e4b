# A smaller checkpoint: what is written, what is refused, and that nothing half-written remains.
. tests/cli/check.sh

out=$work/out.gguf
run 2 "$PARALLM" quantize $tiny && one_error 'quantize: has no OUT'
run 2 "$PARALLM" quantize $tiny "$out" && one_error 'quantize: has no --type'
run 2 "$PARALLM" quantize $tiny "$out" --type q9_9 && one_error '--type: is "q9_9", wanted q8_0, '
run 3 "$PARALLM" quantize "$work/missing" "$out" --type q8_0 && one_error "$work/missing"
[ ! -e "$out" ] || failed "a failed run left $out"

# Every type, from each format; what comes out is a model, and the names are taken in either case.
for model in $tiny $tiny_hf tests/golden/llama-4bit-g32; do
    for type in q8_0 Q4_K_M q4_0 q6_k f16; do
        run 0 "$PARALLM" quantize $model "$out" --type $type --force
        run 0 "$PARALLM" generate "$out" --quiet --max-tokens 2 --ignore-eos -i - <<< '{"prompt_token_ids": [1, 5, 9]}'
        says out '"completion_tokens": 2'
    done
done

# The name is the folder's; of a snapshot in the cache, the model's.
named() {
    run 0 "$PARALLM" quantize "$1" "$out" --type q8_0 --force
    python3 -c 'import struct, sys
data = open(sys.argv[1], "rb").read()
at = data.index(b"general.name") + len("general.name") + 4
n, = struct.unpack_from("<Q", data, at)
name = data[at + 8:at + 8 + n].decode()
assert name == sys.argv[2], name' "$out" "$2" || failed "the name of $1 is not $2"
}
hub=$work/models--org--some-model/snapshots/0123456789012345678901234567890123456789
mkdir -p "$work/tinyllama" "$hub"
cp $tiny_hf/* "$work/tinyllama"
cp $tiny_hf/* "$hub"
named "$work/tinyllama" tinyllama
named "$hub" some-model
long=$(printf 'long-%.0s' $(seq 20))é
cp -r "$work/tinyllama" "$work/$long"
named "$work/$long" "$long"

# An existing file is replaced only when that is asked for, and whole.
cp "$out" "$work/before"
run 5 "$PARALLM" quantize $tiny "$out" --type q8_0 && one_error "$out: exists, wanted a new file"
cmp -s "$out" "$work/before" || failed "a refused run changed $out"
run 0 "$PARALLM" quantize $tiny "$out" --type q8_0 --force
cmp -s "$out" "$work/before" && failed "--force did not replace $out"

run 0 "$PARALLM" quantize $tiny "$out" --type q8_0 --force && says err "^$out: [0-9.]+ MB, written in "
run 0 "$PARALLM" quantize $tiny "$out" --type q8_0 --force --quiet && [ ! -s "$work/err" ] || failed "--quiet said $(cat "$work/err")"

# The model itself is not replaced, by whatever name.
cp "$out" "$work/before"
ln -sf "$out" "$work/link.gguf"
run 2 "$PARALLM" quantize "$work/link.gguf" "$out" --type q4_0 --force && one_error "$out: is the model itself"
cmp -s "$out" "$work/before" || failed "the model replaced itself"

# No room, no permission, no folder: exit code 5, and what was there stays.
cp "$out" "$work/before"
run 5 bash -c "ulimit -f 16; trap '' XFSZ; '$PARALLM' quantize $tiny_hf '$out' --type f32 --force" && one_error "$out: "
cmp -s "$out" "$work/before" || failed "a run without room changed $out"
run 5 "$PARALLM" quantize $tiny "$work/none/x.gguf" --type q8_0 && one_error "$work/none/x.gguf: No such file"
for force in "" --force; do
    # shellcheck disable=SC2086
    run 5 "$PARALLM" quantize $tiny "$work" --type q8_0 $force && one_error "$work: is no regular file"
done
mkfifo "$work/pipe"
run 5 "$PARALLM" quantize $tiny "$work/pipe" --type q8_0 --force && one_error "$work/pipe: is no regular file"
[ -p "$work/pipe" ] || failed "--force replaced what is no file"
parts() { find "$work" -name '*.part' | wc -l; }
[ "$(parts)" = 0 ] || failed "temporary files remain: $(ls "$work")"

# Killed while it writes, by the signal that comes at the limit of a file's size: nothing half-written has the name, and the
# next run leaves nothing else.
killed() { run 153 bash -c "ulimit -c 0; ulimit -f 16; '$PARALLM' quantize $tiny_hf '$out' --type f32 --force"; }
cp "$out" "$work/before"
killed
cmp -s "$out" "$work/before" || failed "a killed run changed $out"
rm "$out"
killed
[ ! -e "$out" ] || failed "a killed run left $out"
[ "$(parts)" = 1 ] || failed "wanted what the killed run had written: $(ls "$work")"
run 0 "$PARALLM" quantize $tiny_hf "$out" --type f32
[ "$(parts)" = 0 ] || failed "what a killed run left remains: $(ls "$work")"
run 0 "$PARALLM" quantize $tiny_hf "$work/other.gguf" --type f32
cmp -s "$out" "$work/other.gguf" || failed "the run after a killed one wrote something else"
finish
